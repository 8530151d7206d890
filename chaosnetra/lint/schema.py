"""The keys that the Chaos Toolkit reads, and those that it is often given in vain.

From the source of chaostoolkit-lib 1.44 and 1.45 and chaostoolkit 1.19 and 1.21; keys of the
published specification that they do not read are listed as ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Kind = type | tuple[type, ...]

ANY: Kind = object
NUMBER: Kind = (int, float)
KIND_NAMES: dict[Any, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    NUMBER: "a number",
    (int, float, str): "a number or a ${variable}",
    (int, float, str, list): "a number, a list of two, or a ${variable}",
    (list, str, dict): "a list or text",
}


@dataclass(frozen=True)
class Shape:
    """What an object may hold.

    Attributes:
        what: its name in a sentence.
        keys: keys that are read, with what their values must be.
        required: keys without which `chaos validate` refuses the experiment.
        ignored: keys that look as if they were read: what happens and what to write instead.
    """

    what: str
    keys: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    ignored: Mapping[str, tuple[str, str]] = field(default_factory=dict)


EXPERIMENT = Shape(
    "an experiment",
    {
        "version": ANY,
        "title": str,
        "description": str,
        "tags": list,
        "contributions": dict,
        "configuration": dict,
        "secrets": dict,
        "extensions": list,
        "controls": list,
        "runtime": dict,
        "steady-state-hypothesis": dict,
        "method": list,
        "rollbacks": list,
    },
    ("title", "description", "method"),
    {"dry": ("is overwritten by the command line", "run `chaos run --dry …`")},
)

HYPOTHESIS = Shape(
    "the steady-state-hypothesis", {"title": str, "probes": list, "controls": list}, ("title",)
)

# What happens where a misspelling makes the core miss one of these.
MISSED = {
    "steady-state-hypothesis": "so no steady state is checked, and the run still exits with 0",
    "probes": "so no steady state is checked, and the run still exits with 0",
    "rollbacks": "so nothing is rolled back",
    "controls": "so no control is loaded",
    "strategy": "so the default strategy applies",
    "arguments": "so the defaults apply",
    "default": "so the variable must be set",
    "env_var_type": "so the value stays text",
    "timeout": "so nothing bounds the time",
}

ACTIVITY = Shape(
    "an activity",
    {
        "type": str,
        "name": str,
        "provider": dict,
        "background": bool,
        "pauses": dict,
        "controls": list,
    },
    ("type", "name", "provider"),
    {
        "timeout": (
            "is checked and then ignored, so nothing bounds the time",
            "put it into a process or http provider; a python function must bound itself",
        ),
        "dry": (
            "takes this activity out of every dry mode, so `--dry` really runs it",
            "leave it out and run `chaos run --dry …`",
        ),
        "secrets": ("is ignored here", "put the list of groups into the provider"),
        "secret": ("is ignored", "put a list of groups under 'secrets' into the provider"),
        "configuration": (
            "is ignored here",
            "leave it out: a function with a parameter 'configuration' gets all of it",
        ),
        "tolerance": (
            "is judged here only by chaosnetra.controls.journal, so nothing is checked here",
            "declare that control, or move the probe into the hypothesis",
        ),
    },
)
# With the journal control: of an action the tolerance says which answers mean that it worked.
JUDGED_ACTIVITY = Shape(
    "an activity",
    {**ACTIVITY.keys, "tolerance": ANY},
    ACTIVITY.required,
    {key: why for key, why in ACTIVITY.ignored.items() if key != "tolerance"},
)
PROBE_OF_HYPOTHESIS = Shape(
    "a probe of the hypothesis",
    JUDGED_ACTIVITY.keys,
    (*ACTIVITY.required, "tolerance"),
    JUDGED_ACTIVITY.ignored,
)
REFERENCE = Shape("a reference", {"ref": str, "name": str, "background": bool})
REFERENCE_OF_HYPOTHESIS = Shape(
    "a reference in the hypothesis", {**REFERENCE.keys, "tolerance": ANY}, ("tolerance",)
)
PAUSES = Shape("pauses", {"before": (int, float, str), "after": (int, float, str)})

PROVIDERS = {
    "python": Shape(
        "a python provider",
        {"type": str, "module": str, "func": str, "arguments": dict, "secrets": list},
        ("type", "module", "func"),
        {
            "timeout": (
                "is ignored by python providers, so nothing bounds the time",
                "bound the time in the function, or use a process or http provider",
            ),
            "configuration": (
                "is ignored",
                "leave it out: a function with a parameter 'configuration' gets all of it",
            ),
        },
    ),
    "process": Shape(
        "a process provider",
        {
            "type": str,
            "path": str,
            "arguments": (list, str, dict),
            "timeout": NUMBER,
            "secrets": ANY,
        },
        ("type", "path"),
    ),
    "http": Shape(
        "an http provider",
        {
            "type": str,
            "url": str,
            "method": str,
            "headers": dict,
            "arguments": ANY,
            "timeout": (int, float, str, list),
            "verify_tls": bool,
            "max_retries": ANY,
            "secrets": ANY,
        },
        ("type", "url"),
        {
            "expected_status": (
                "is in the specification and not read, so any status is fine",
                "give the probe the status as its tolerance",
            )
        },
    ),
}

TOLERANCES = {
    "regex": Shape("a regex tolerance", {"type": str, "pattern": str, "target": str}, ("pattern",)),
    "jsonpath": Shape(
        "a jsonpath tolerance",
        {"type": str, "path": str, "target": str, "expect": ANY, "count": ANY},
        ("path",),
    ),
    "range": Shape("a range tolerance", {"type": str, "range": list, "target": str}, ("range",)),
}
TOLERANCE_TYPES = (*TOLERANCES, "probe")

CONTROL = Shape(
    "a control",
    {"name": str, "provider": dict, "scope": str, "automatic": bool, "ref": str},
    ("name", "provider"),
)
CONTROL_PROVIDER = Shape(
    "a control's provider", {"type": str, "module": str, "arguments": dict}, ("type", "module")
)

RUNTIME = Shape("runtime", {"rollbacks": dict, "hypothesis": dict, "python": dict})
STRATEGY = Shape("a strategy's object", {"strategy": str})

VARIABLE = Shape(
    "a variable from the environment",
    {"type": str, "key": str, "default": ANY, "env_var_type": str},
    ("key",),
)
SECRETS = {
    "env": Shape(
        "a secret from the environment",
        {"type": str, "key": str},
        ("key",),
        {"default": ("is ignored, so the variable must be set", "leave it out")},
    ),
    "vault": Shape("a secret from Vault", {"type": str, "path": str, "key": str}, ("path",)),
}
