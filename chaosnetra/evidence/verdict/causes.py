"""Why a verdict is what it is."""

from enum import StrEnum


class Cause(StrEnum):
    """Why the verdict is what it is."""

    HELD = "steady state held"
    VIOLATED = "steady state violated"
    NOT_RECOVERED = "no recovery after the rollback"
    BASELINE = "baseline not met"
    NO_HYPOTHESIS = "no steady state was checked"
    INJECTION = "injection failed"
    NOT_MEASURED = "fault without a measured effect"
    NOT_EXPOSED = "no startup used the path that the fault is on"
    PARTLY_EXPOSED = "a startup did not use the path that the fault is on"
    STATE = "startups met different states of the database"
    UNANSWERED = "a probe could not be asked"
    CLOUD_RUN_UNANSWERED = "Cloud Run could not be asked"
    FAULT_GONE = "a fault was gone before its undo"
    DEPLOYED = "the service or the job was changed during the run"
    CONTRADICTED = "Cloud Run contradicts the probes"
    TOO_FEW = "too few trials for the demanded confidence"
    OBSERVATION = "an observation failed"
    ROLLBACK = "rollback failed"
    INTERRUPTED = "interrupted"
    CRASHED = "run crashed"
    PART_LOST = "a part of the stand was lost"
    SESSIONS_ENDED = "sessions were ended by somebody else"
    REFUSED = "settings refused"
    DRY = "dry run"
    CONTROL = "journal control failed"
    TOLERANCE = "a tolerance is wrong"
