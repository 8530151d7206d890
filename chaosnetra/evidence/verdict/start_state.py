"""Which state of the database the startups met; from the journal's facts.

`facts["database_state"]` holds, as the run saw it:

    setting          `auto`, `shared` or `fresh`
    own_tables       whether the tables are this package's own, made before every startup
    prepared         the start that prepared an empty database: `status`, `seconds`, `error`,
                     `tables_before`, `tables_after`; None where there was none
    template_tables  with `fresh`: tables in the database that each startup got a copy of
    launches         one object each: `faults` in place, `tables_before`, `tables_after`
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import count_or_none, objects

_SETTING = "database_state in the experiment's configuration or CHAOSNETRA_DATABASE_STATE"
# What PostgreSQL says to one of two sessions that make the same object at the same time.
_RACE = re.compile(
    r"\bpg_(?:type_typname|class_relname|namespace_nspname|proc_proname_args)\w*_index\b"
    r"|\bpg_extension_name_index\b|\btuple concurrently (?:updated|deleted)\b"
)
_LATER = "a later deployment was tested, one that finds its tables"
# The object is there already: a race on an empty database, else a target that cannot start twice.
_THERE = re.compile(r"\b(?:42P07|42P06|42710)\b|\brelation \S+ already exists\b")


def state_tested(facts: Mapping[str, Any]) -> str | None:
    """Which state of the database was tested, as a clause; None where there is nothing to say."""
    state = facts["database_state"]
    launches = state.get("launches")
    if not launches or state.get("own_tables"):
        return None
    if state.get("setting") == "fresh":
        tables = state.get("template_tables")
        if count_or_none(tables) is None:
            return None
        if tables == 0:
            return "a first deployment was tested: each startup met an empty database of its own"
        return f"{_LATER}: each startup met a copy of a database with {_tables(tables)}"
    met = launches[0].get("tables_before")
    if count_or_none(met) is None:
        return None
    if met == 0:
        if all(one.get("tables_after") in (0, None) for one in launches):
            return None  # it keeps nothing there
        return "the first startups met an empty database"
    if state["prepared"].get("tables_before") == 0:
        return (
            f"{_LATER}: one start before the baseline made the tables of the "
            f"empty database ({_tables(met)}); to test the first, set {_SETTING} to fresh"
        )
    return f"{_LATER}: the database had {_tables(met)} before"


def differing_states(facts: Mapping[str, Any]) -> str | None:
    """Why the startups under a fault met another database than those before it; None: they did
    not, or it is not known."""
    state = facts["database_state"]
    launches = state.get("launches")
    if not launches or state.get("setting") == "fresh" or launches[0].get("faults") != []:
        return None  # nothing to compare with
    before = launches[0].get("tables_before")
    under = (count_or_none(one.get("tables_before")) for one in launches if one.get("faults"))
    other = next((tables for tables in under if tables not in (None, before)), None)
    if other is None or count_or_none(before) is None:
        return None
    if before == 0:
        cure = f"set {_SETTING} to auto (one start prepares an empty database first)"
    else:
        cure = f"run it again, now that its tables are made, or set {_SETTING} to fresh"
    return (
        "the startups under the fault met another state than those before it: the database had "
        f"{_tables(before)}, then {_tables(other)}; {cure}"
    )


def baseline_advice(journal: Mapping[str, Any]) -> str | None:
    """What to change where the baseline failed for the state of its database; None: nothing."""
    state = journal["chaosnetra"]["database_state"]
    if not state or state.get("own_tables"):
        return None
    said, prepared = list(_said(journal)), state["prepared"]
    first: Mapping[str, Any] = next(iter(state["launches"]), {})
    there = any(_THERE.search(text) for text in said)
    raced = any(_RACE.search(text) for text in said) or (there and first.get("tables_before") == 0)
    if raced and state.get("setting") != "fresh":
        return (
            "several first starts raced each other to make the same tables; set "
            f"{_SETTING} to auto (one start prepares an empty database first) or fresh (each "
            "startup gets a copy of its own)"
        )
    if there and prepared:
        return (
            "they met a database that one start had prepared, and what they make is there "
            f"already; for a target that starts on an empty database only, set {_SETTING} to fresh"
        )
    if prepared and prepared.get("status") != "ready":
        error = f": {prepared['error']}" if prepared.get("error") else ""
        return (
            "the one start that should prepare the empty database before it was not ready either "
            f"({prepared.get('status')}){error}"
        )
    return None


def _said(journal: Mapping[str, Any]) -> Iterator[str]:
    """Errors of the startups before the method."""
    for stage, run in checked_probes(journal):
        output = run["output"]
        if stage is not Stage.BEFORE or not isinstance(output, dict):
            continue
        yield str(output.get("error"))
        for startup in objects(output.get("startups")):
            error = startup.get("error")
            if isinstance(error, dict):
                yield " ".join(str(error.get(key)) for key in ("text", "sqlstate", "causes"))


def _tables(count: Any) -> str:
    return "no table" if count == 0 else f"{count} table{'s' if count != 1 else ''}"
