"""Consent to a search in staging: asked for once, before its first trial, for its whole range."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from chaosnetra.consent.inspect import database_of, inspect_experiment
from chaosnetra.consent.search_plan import (
    End,
    Range,
    SearchPlan,
    executions_a_trial,
    frame_of,
)
from chaosnetra.controls.consent import load, require, steps_of, unvaried_steps
from chaosnetra.controls.ending import RECOVERY_POLL_SECONDS, recovery_timeout_seconds
from chaosnetra.durations import Deadline
from chaosnetra.errors import NotAllowed
from chaosnetra.redaction import Redactor
from chaosnetra.running.job_launcher import shortest_barrier_seconds
from chaosnetra.running.run import SEARCH_CONSENT_FILE
from chaosnetra.running.session import Session, current_session, end_session
from chaosnetra.settings import SETTINGS, Settings, setting_hint
from chaosnetra.stand.part import write_private

FILE = "consent.json"
COMMAND = "chaosnetra search … --plan"
_JOURNAL = "chaosnetra.controls.journal"
# Strategies by which the steady state is checked as often as the method leaves time.
_UNCOUNTED = ("continuously", "during-method-only")


@dataclass(frozen=True)
class Asked:
    """A search as far as consent is about it.

    Attributes:
        path: of the experiment.
        ranges: what is varied.
        variables: of the configuration, for all trials.
        trials: that are still to be made, at most.
        seconds: begin no trial after so long; None: nothing is asked.
    """

    path: Path
    ranges: Sequence[Range]
    variables: Mapping[str, str]
    trials: int
    seconds: float | None

    @property
    def keys(self) -> list[str]:
        """That are varied."""
        return [one.key for one in self.ranges]

    @property
    def ends(self) -> list[dict[str, float]]:
        """The values at every corner of the ranges."""
        corners = product(*((one.lower, one.upper) for one in self.ranges))
        return [dict(zip(self.keys, corner, strict=True)) for corner in corners]

    def loaded(
        self, values: Mapping[str, float]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
        """The experiment, its configuration with these values, and the same with all settings.

        Raises:
            Unreadable: it cannot be read.
        """
        given = {**self.variables, **{key: f"{value:.12g}" for key, value in values.items()}}
        experiment, configuration = load(self.path, given)
        undeclared = {key: value for key, value in given.items() if key in SETTINGS}
        return experiment, configuration, {**undeclared, **configuration}


@dataclass(frozen=True)
class Looked:
    """What was seen before a search.

    Attributes:
        plan: what it would do.
        consent: that was given.
        redactor: knows what must not be shown of it.
    """

    plan: SearchPlan
    consent: str
    redactor: Redactor


def plan_search(asked: Asked) -> Looked:
    """Look at what all trials of a search may do. Changes nothing.

    Raises:
        ChaosnetraError: something cannot be looked at: no credentials, no such service, …
    """
    ends: list[End] = []
    frame: Mapping[str, Any] = {}
    executions = 0
    for values in asked.ends:
        experiment, configuration, settings = asked.loaded(values)
        session = current_session(settings)
        try:
            environment = session.settings.environment
            steps = steps_of(experiment, configuration, environment=environment)
            plan = inspect_experiment(session, experiment, steps)
            if not ends:
                unvaried = unvaried_steps(experiment, configuration, asked.keys, session.settings)
                frame = frame_of(plan, unvaried, asked.keys)
            checks = _recovery_checks(experiment, session.settings)
            executions = max(executions, executions_a_trial(steps, checks))
            uncounted = _uncounted(experiment)
        finally:
            end_session()
        ends.append(End(values, plan))
    most = session.guard.seconds
    found = SearchPlan(asked.ranges, asked.trials, executions, most, frame, ends, uncounted)
    if asked.seconds is not None:
        found = replace(found, seconds=min(most, asked.seconds + found.trial_seconds))
    return Looked(found, session.settings.consent, session.redactor)


@dataclass(frozen=True)
class Admitted:
    """A search that was consented to, and what its trials are told of that.

    Attributes:
        plan: that was consented to.
        session: that holds the lease.
        file: where they are told.
        lease: name of the lease.
        deadline: when all trials must have ended.
    """

    plan: SearchPlan
    session: Session
    file: Path
    lease: str
    deadline: Deadline

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables by which a trial finds out."""
        return {SEARCH_CONSENT_FILE: str(self.file.resolve())}

    @property
    def most_seconds(self) -> float:
        """After how long no trial is begun."""
        return self.plan.seconds - self.plan.trial_seconds

    def next_variables(self) -> Mapping[str, str]:
        """Let another trial begin.

        Returns:
            Variables of its configuration.

        Raises:
            NotAllowed: the time is over, or the lease was ended.
            OSError: it cannot be told.
        """
        self.session.staging.require_kept()
        rests_on = json.loads(json.dumps(self.plan.rests_on, default=str))
        write_private(self.file, {"rests_on": rests_on, "lease": self.lease})
        return {"time_to_live_seconds": str(max(1, int(self.deadline.remaining_seconds)))}


@contextmanager
def admitted(asked: Asked, folder: Path) -> Iterator[Admitted]:
    """Require consent to a search, and hold the lease for as long as its trials are made.

    Args:
        asked: the search.
        folder: of it.

    Raises:
        NotAllowed: the guard refuses it, there is no consent, it was given to another plan, or
            another run holds the lease.
        ChaosnetraError: something cannot be looked at.
    """
    looked = plan_search(asked)
    plan = looked.plan
    require(plan, looked.consent, command=COMMAND)
    _, _, settings = asked.loaded(asked.ends[0])
    session, file = current_session(settings), folder / FILE
    try:
        address = database_of(session)
        if address is None:
            raise NotAllowed(
                "no database is named, so no lease would keep other runs away; set "
                f"{setting_hint('database_url')}"
            )
        deadline = Deadline.after(plan.seconds)
        yield Admitted(plan, session, file, session.staging.keep_for_trials(address), deadline)
    finally:
        file.unlink(missing_ok=True)
        end_session()


def _recovery_checks(experiment: Mapping[str, Any], settings: Settings) -> int:
    """How often the steady state may be checked after the rollbacks."""
    for control in experiment.get("controls") or ():
        provider = control.get("provider") if isinstance(control, Mapping) else None
        if isinstance(provider, Mapping) and provider.get("module") == _JOURNAL:
            seconds = recovery_timeout_seconds(provider.get("arguments") or {})
            each = RECOVERY_POLL_SECONDS + shortest_barrier_seconds(settings)
            return 1 if not seconds else 2 + int(seconds / each)
    return 1


def _uncounted(experiment: Mapping[str, Any]) -> str:
    """Why nobody can tell how many executions a trial has; empty: it can be told."""
    runtime = experiment.get("runtime")
    hypothesis = runtime.get("hypothesis") if isinstance(runtime, Mapping) else None
    strategy = hypothesis.get("strategy") if isinstance(hypothesis, Mapping) else None
    if strategy not in _UNCOUNTED:
        return ""
    return (
        f"the steady state is checked {strategy}, so nobody can tell how many executions a trial "
        "has: leave strategy out of runtime.hypothesis"
    )
