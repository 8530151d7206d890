"""The command line: each command in a module of its own, imported when it is called."""

import sys

import click
import pytest
from click.testing import CliRunner

from chaosnetra.cli import COMMANDS, netra
from tests.support.programs import captured


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    command = netra.get_command(click.Context(netra), name)
    assert command is not None
    assert command.name == name
    done = CliRunner().invoke(netra, [name, "--help"])
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: netra {name}")
    assert command.help


def test_all_commands_are_listed() -> None:
    done = CliRunner().invoke(netra, ["--help"])
    listed = [line.split()[0] for line in done.output.partition("Commands:")[2].splitlines()[1:]]
    assert listed == sorted(COMMANDS)


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(netra, ["lnt"])
    assert done.exit_code == 2
    assert "No such command 'lnt'. Did you mean 'lint'?" in done.output
    assert "Did you mean 'try'?" in CliRunner().invoke(netra, ["tri"]).output
    assert "Did you mean" not in CliRunner().invoke(netra, ["zzzz"]).output


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("chaosnetra tr", "plain,try"),
        ("chaosnetra try --rea", "plain,--ready"),
        ("chaosnetra stand d", "plain,down"),
        ("chaosnetra lint exp", "file,exp"),
        ("chaosnetra try -- ./ru", "file,./ru"),
    ],
)
def test_a_shell_completes_commands_options_and_files(typed: str, offered: str) -> None:
    variables = {
        "_CHAOSNETRA_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = CliRunner().invoke(netra, prog_name="chaosnetra", env=variables)
    assert offered in done.output.splitlines()


@pytest.mark.parametrize("option", ["-h", "--help", "--version"])
def test_what_people_ask_first_is_answered(option: str) -> None:
    done = CliRunner().invoke(netra, [option])
    assert done.exit_code == 0
    assert done.output.startswith("chaostoolkit-netra " if option == "--version" else "Usage: ")


def test_listing_the_commands_loads_nothing_that_they_work_with() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from chaosnetra.cli import netra\n"
        "CliRunner().invoke(netra, ['--help'])\n"
        "print(*(name for name in sys.modules if name.startswith('chaosnetra.')))\n"
    )
    done = captured([sys.executable, "-c", code], check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if not name.startswith("chaosnetra.commands")} == {
        "chaosnetra.cli"
    }
