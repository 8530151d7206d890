"""Hostile input: broken experiments, settings, profiles, journals, ledgers and target output."""

from tests.fuzz.checks import PACKAGE, TRACEBACK, package_frames, processes_of, strict_json
from tests.fuzz.experiments import EXPERIMENT
from tests.fuzz.fuzzer import CALLS_A_ROUND, RUNS_A_ROUND, Fuzz, databases_left
from tests.fuzz.hostile import as_text, mutate

__all__ = [
    "CALLS_A_ROUND",
    "EXPERIMENT",
    "PACKAGE",
    "RUNS_A_ROUND",
    "TRACEBACK",
    "Fuzz",
    "as_text",
    "databases_left",
    "mutate",
    "package_frames",
    "processes_of",
    "strict_json",
]
