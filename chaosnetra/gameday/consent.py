"""Plan and consent of a step that acts on Google Cloud: the one place that knows of them.

The conductor asks here before the first step, for every step of a day whose environment is
`staging`, and hands the answer on to the step's run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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


def consent_to(experiment: Path, environment: Mapping[str, str]) -> Consent:  # noqa: ARG001
    """Whether somebody has consented to what a step would change in staging.

    Args:
        experiment: its file.
        environment: environment variables that its run would get, which its plan is made from.
    """
    return Consent(
        False,
        f"{experiment.name}: no plan of it can be made, so nobody can consent to it; "
        "rehearse the day on the local stand with --rehearse",
    )
