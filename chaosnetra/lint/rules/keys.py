"""Keys: duplicate, misspelled, unknown, missing, ignored where they stand, of the wrong kind."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaosnetra.documents.findings import Finding, instead, nearest
from chaosnetra.documents.places import Place
from chaosnetra.lint.outline import Activity, Outline, Role, mapping, text
from chaosnetra.lint.schema import (
    ACTIVITY,
    ANY,
    CONTROL,
    CONTROL_PROVIDER,
    EXPERIMENT,
    HYPOTHESIS,
    JUDGED_ACTIVITY,
    KIND_NAMES,
    MISSED,
    PAUSES,
    PROBE_OF_HYPOTHESIS,
    PROVIDERS,
    REFERENCE,
    REFERENCE_OF_HYPOTHESIS,
    RUNTIME,
    SECRETS,
    STRATEGY,
    TOLERANCE_TYPES,
    TOLERANCES,
    VARIABLE,
    Kind,
    Shape,
)

Part = tuple[Place, Mapping[Any, Any], Shape]


def check(outline: Outline) -> Iterator[Finding]:
    """`duplicate-key`, `unknown-key`, `ignored-key`, `missing-key`, `wrong-kind`, `unknown-type`.

    Keys that begin with `x-` or `_`, and `description`, are notes and left alone.
    """
    yield from _duplicates(outline)
    if not isinstance(outline.document.data, dict):
        yield outline.finding(
            (),
            "wrong-kind",
            "an experiment must be an object, and the Chaos Toolkit ends with a traceback",
            "write an object with title, description and method",
        )
        return
    for place, data, shape in _parts(outline):
        yield from _keys(outline, place, data, shape)
    yield from _elements(outline)
    yield from _types(outline)


def _duplicates(outline: Outline) -> Iterator[Finding]:
    for duplicate in outline.document.duplicates:
        found = outline.finding(
            duplicate.place,
            "duplicate-key",
            f"{duplicate.place[-1]!r} is here twice (first in line {duplicate.first_line}): "
            "the later one counts and the earlier one is lost without a word",
            "write it once",
        )
        yield replace(found, line=duplicate.line)


def _parts(outline: Outline) -> Iterator[Part]:
    """Every object of the experiment whose keys the core reads."""
    yield (), outline.data, EXPERIMENT
    if outline.hypothesis:
        yield ("steady-state-hypothesis",), outline.hypothesis, HYPOTHESIS
    runtime = mapping(outline.data.get("runtime"))
    yield ("runtime",), runtime, RUNTIME
    for key in ("rollbacks", "hypothesis"):
        yield ("runtime", key), mapping(runtime.get(key)), STRATEGY
    judged = outline.has_journal_control
    for activity in outline.activities:
        yield from _parts_of_activity(activity, JUDGED_ACTIVITY if judged else ACTIVITY)
    for control in outline.controls:
        yield control.place, control.data, CONTROL
        if control.provider:
            yield control.provider_place, control.provider, CONTROL_PROVIDER
    for key, value in outline.configuration.items():
        if mapping(value).get("type") == "env":
            yield ("configuration", key), value, VARIABLE
    for group, secrets in outline.secrets.items():
        for key, value in mapping(secrets).items():
            shape = SECRETS.get(text(mapping(value).get("type")))
            if shape is not None:
                yield ("secrets", group, key), value, shape


def _parts_of_activity(activity: Activity, elsewhere: Shape) -> Iterator[Part]:
    """The parts of one; `elsewhere` is the shape of those outside the hypothesis."""
    in_hypothesis = activity.role is Role.HYPOTHESIS
    if activity.ref is not None:
        yield activity.place, activity.data, REFERENCE_OF_HYPOTHESIS if in_hypothesis else REFERENCE
        return
    yield activity.place, activity.data, PROBE_OF_HYPOTHESIS if in_hypothesis else elsewhere
    yield (*activity.place, "pauses"), mapping(activity.data.get("pauses")), PAUSES
    if activity.provider_type in PROVIDERS:
        yield activity.provider_place, activity.provider, PROVIDERS[activity.provider_type]
    tolerance = mapping(activity.tolerance)
    shape = TOLERANCES.get(text(tolerance.get("type")))
    if shape is not None:
        yield activity.tolerance_place, tolerance, shape


def _keys(
    outline: Outline, place: Place, data: Mapping[Any, Any], shape: Shape
) -> Iterator[Finding]:
    missing = [key for key in shape.required if key not in data]
    for key, value in data.items():
        if key in shape.keys:
            yield from _kind(outline, (*place, key), value, shape.keys[key])
        elif key in shape.ignored:
            happens, remedy = shape.ignored[key]
            yield outline.finding((*place, key), "ignored-key", f"{key!r} {happens}", remedy)
        elif not _is_note(key):
            absent = [known for known in shape.keys if known not in data]
            guess = nearest(str(key), absent)
            if guess in missing:
                missing.remove(guess)
            yield outline.finding(
                (*place, key),
                "unknown-key",
                f"{key!r} is no key of {shape.what}: it is ignored"
                + (f", {MISSED[guess]}" if guess in MISSED else ""),
                instead(str(key), absent, f"{shape.what} has {', '.join(shape.keys)}"),
            )
    for key in missing:
        yield outline.finding(
            place,
            "missing-key",
            f"{shape.what} needs {key!r}, and `chaos validate` refuses the experiment",
            f"add {key!r}",
        )


def _is_note(key: Any) -> bool:
    return isinstance(key, str) and (key == "description" or key.startswith(("x-", "_")))


def _kind(outline: Outline, place: Place, value: Any, kind: Kind) -> Iterator[Finding]:
    if kind is ANY:
        return
    numbers = isinstance(kind, tuple) and int in kind
    if isinstance(value, kind) and not (numbers and isinstance(value, bool)):
        return
    wanted = KIND_NAMES[kind]
    yield outline.finding(
        place,
        "wrong-kind",
        f"{place[-1]!r} must be {wanted}, and the Chaos Toolkit refuses it or ends with a "
        "traceback",
        f"write {wanted}",
    )


def _elements(outline: Outline) -> Iterator[Finding]:
    """Elements that are no objects, which the core trips over."""
    lists: list[tuple[Place, Any]] = [
        (("steady-state-hypothesis", "probes"), outline.hypothesis.get("probes")),
        *(((key,), outline.data.get(key)) for key in ("method", "rollbacks", "controls")),
    ]
    for place, values in lists:
        for index, value in enumerate(values if isinstance(values, list) else ()):
            if not isinstance(value, dict):
                yield outline.finding(
                    (*place, index),
                    "wrong-kind",
                    f"each element of {place[-1]!r} must be an object, and the Chaos Toolkit "
                    "ends with a traceback",
                    "write an object",
                )
    for group, secrets in outline.secrets.items():
        if not isinstance(secrets, dict) or "type" in secrets:
            yield outline.finding(
                ("secrets", group),
                "wrong-kind",
                f"the secret {group!r} is in no group, so the first activity with a variable "
                "ends the run with a traceback and without rollbacks",
                f'write {{"group": {{{str(group)!r}: …}}}}',
            )


def _types(outline: Outline) -> Iterator[Finding]:
    """Types that the core does not know, and refuses."""
    for activity in outline.activities:
        if activity.ref is not None:
            continue
        declared = [
            (activity.place, activity.data.get("type"), ("probe", "action")),
            (activity.provider_place, activity.provider.get("type"), tuple(PROVIDERS)),
        ]
        # One that is missing is told of as such; a tolerance that is an object must have one.
        declared = [one for one in declared if one[1] is not None]
        tolerance = activity.tolerance
        if activity.role is Role.HYPOTHESIS and isinstance(tolerance, dict):
            declared.append((activity.tolerance_place, tolerance.get("type"), TOLERANCE_TYPES))
        for place, kind, known in declared:
            if kind not in known:
                yield outline.finding(
                    (*place, "type"),
                    "unknown-type",
                    f"{kind!r} is no type that there is here, and `chaos validate` refuses it",
                    instead(str(kind), known, f"write one of {', '.join(known)}"),
                )
