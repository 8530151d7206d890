"""Hostile input: broken experiments, settings, profiles, journals, ledgers and target output."""

from tests.long.fuzz.checks import PACKAGE, TRACEBACK, package_frames, processes_of, strict_json
from tests.long.fuzz.experiments import EXPERIMENT
from tests.long.fuzz.fuzzer import CALLS_A_ROUND, RUNS_A_ROUND, Fuzz, databases_left
from tests.long.fuzz.hostile import as_text, mutate

__all__ = [
    "CALLS_A_ROUND", "EXPERIMENT", "PACKAGE", "RUNS_A_ROUND", "TRACEBACK", "Fuzz", "as_text",
    "databases_left", "mutate", "package_frames", "processes_of", "strict_json",
]  # fmt: skip
