"""Plan and consent of a step that acts on Google Cloud: the one place that knows of them.

The conductor asks here before the first step, for every step of a day whose environment is
`staging`, and again before each run: a repetition with other values has another plan.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosnetra.durations import Deadline
from chaosnetra.runner.reports import PROGRAM
from chaosnetra.settings import SETTINGS
from chaosnetra.text import one_line

PLAN_SECONDS = 120.0
POLL_SECONDS = 0.02
ANY_PLAN = "yes"


@dataclass(frozen=True)
class Consent:
    """What is known of the plan of one step.

    Attributes:
        given: whether the step may run.
        text: one line: what the plan changes and who consented, or what is missing and how to get
            it.
        environment: environment variables that its run needs to act by the plan.
    """

    given: bool
    text: str
    environment: Mapping[str, str] = field(default_factory=dict)


def consent_to(
    experiment: Path, environment: Mapping[str, str], tick: Callable[[], None] = lambda: None
) -> Consent:
    """Whether somebody has consented to what a step would change in staging.

    Its plan is made by `chaosnetra plan`, in a process of its own: what that looks at must not
    become part of the conductor's.

    Args:
        experiment: its file.
        environment: environment variables that its run would get, which its plan is made from.
        tick: called often while the plan is made; what it raises ends that.
    """
    variable = SETTINGS["consent"].variable
    variables = {**os.environ, **environment}
    try:
        plan = _plan(experiment, variables, tick)
    except (OSError, ValueError) as error:
        return Consent(False, one_line(f"{experiment.name}: its plan cannot be made: {error}"))
    if plan["refusals"]:
        refused = "; ".join(map(str, plan["refusals"]))
        return Consent(False, one_line(f"{experiment.name}: its plan is refused: {refused}"))
    made, given = str(plan["hash"]), variables.get(variable, "")
    if given not in (ANY_PLAN, made):
        whose = "is for another plan" if given else "is not given"
        return Consent(
            False,
            f"{experiment.name}: consent {whose}: read `chaosnetra plan {experiment}`, and give "
            f"its hash as the step's parameter consent or in {variable} ({made})",
        )
    how = "to whatever the plan is" if given == ANY_PLAN else "to this plan"
    return Consent(True, f"consent {how}, {made}", {variable: given})


def _plan(
    experiment: Path, environment: Mapping[str, str], tick: Callable[[], None]
) -> dict[str, Any]:
    """What `chaosnetra plan` says.

    Raises:
        ValueError: no plan; says why.
        OSError: it cannot be started.
    """
    deadline = Deadline.after(PLAN_SECONDS)
    with subprocess.Popen(
        [*PROGRAM, "plan", str(experiment), "--format", "json"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while (answer := _answer(process)) is None:
                tick()
                if deadline.passed:
                    raise ValueError(f"it took more than {PLAN_SECONDS:g} s")
        except BaseException:
            process.kill()
            raise
    stdout, stderr = answer
    try:
        found = json.loads(stdout)
        if isinstance(found["hash"], str) and isinstance(found["refusals"], list):
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    said = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    raise ValueError(said[-1].removeprefix("Error: ") if said else "`chaosnetra plan` said nothing")


def _answer(process: "subprocess.Popen[str]") -> tuple[str, str] | None:
    try:
        return process.communicate(timeout=POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None
