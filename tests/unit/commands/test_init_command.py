"""What `chaosnetra init` asks at a terminal."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.commands.init import answers

NOTHING: dict[str, Any] = {"ready": None, "variables": (), "prepare_command": None}


@pytest.mark.parametrize(
    ("typed", "given", "expected"),
    [
        ("node server.js\n\n\n\n", {}, {"ready": None, "variables": [], "prepare_command": None}),
        (
            "./start\nexit\nDB=dsn PORT\nmake tables\n",
            {},
            {"ready": "exit", "variables": ["DB=dsn", "PORT"], "prepare_command": "make tables"},
        ),
        # What an option says is not asked.
        ("x\nexit\n\n", {"variables": ("DB",)}, {"ready": "exit", "variables": ("DB",)}),
    ],
)
def test_what_is_left_empty_is_looked_for(
    typed: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    found: list[Any] = []

    @click.command()
    def ask() -> None:
        found.extend(answers({**NOTHING, **given}))

    done = CliRunner().invoke(ask, input=typed)
    assert done.exit_code == 0, done.output
    words, options = found
    assert words == (typed.splitlines()[0],)
    assert {**options, **expected} == options


def test_a_command_and_a_try_are_not_given_both() -> None:
    done = CliRunner().invoke(netra, ["init", "--from-try", "x", "--", "node"])
    assert done.exit_code == 2
    assert "--from-try or a command, not both" in done.stderr
