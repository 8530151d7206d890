"""What exactly is started: command line, environment, readiness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.startup.config_file import ConfigTemplate
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.startup.readiness import Readiness
from chaosnetra.templates import (
    CONFIG_FILE,
    SERVICE_PORT,
    STATE_FOLDER,
    fill_template,
    fill_word,
)


@dataclass(frozen=True)
class LaunchPlan:
    """How to start one target, any number of times.

    Attributes:
        shown: the target as a person would name it.
        command: program and arguments; `{port}` and `{service_port}` stand for the port that each
            start gets, in a word without spaces others for the database's address.
        environment: environment variables that are the same for each start.
        imports: modules that a process imports once, for each startup to be forked from it; none:
            each startup is a new process that runs the command. With imports the command is
            `python -m module …`.
        directory: working directory.
        readiness: how it shows that it is ready.
        readiness_timeout_seconds: limit of one readiness check.
        target_environment: templates of the variables that carry the database's address.
        phase_lines: reads what its log says of its phases, where the service has words of its own.
        config_template: of a file that is rendered for each start.
        folder: of one start; None: it has none, or it is not known yet.
    """

    shown: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path | None
    readiness: Readiness
    readiness_timeout_seconds: float
    target_environment: Mapping[str, str]
    imports: Sequence[str] = ()
    phase_lines: PhaseLines | None = None
    config_template: ConfigTemplate | None = None
    folder: Path | None = None

    @property
    def keeps_state(self) -> bool:
        """Whether each start has to have a folder of its own."""
        words = (*self.command, *self.target_environment.values())
        return self.config_template is not None or any(
            f"{{{STATE_FOLDER}}}" in word for word in words
        )

    def in_folder(self, folder: Path | None) -> "LaunchPlan":
        """The plan for the start that has this folder; None: it has none."""
        if folder is None:
            return self

        names = {STATE_FOLDER: str(folder)}
        if self.config_template is not None:
            names[CONFIG_FILE] = str(self.config_template.in_folder(folder))

        def filled(word: str) -> str:
            for name, path in names.items():
                word = word.replace(f"{{{name}}}", path)
            return word

        return replace(
            self,
            folder=folder,
            command=[filled(word) for word in self.command],
            target_environment={
                name: filled(template) for name, template in self.target_environment.items()
            },
        )

    def render_config(self, port: int, database: DatabaseAddress) -> None:
        """Write the file of one start, where it has one.

        Raises:
            OSError: it cannot be written.
        """
        if self.config_template is None or self.folder is None:
            return
        values = {
            **database.placeholders,
            SERVICE_PORT: str(port),
            STATE_FOLDER: str(self.folder),
        }
        self.config_template.render(self.folder, values)

    def with_environment(self, more: Mapping[str, str]) -> "LaunchPlan":
        """The plan for the start that has more variables in its environment."""
        return replace(self, environment={**self.environment, **more})

    def command_for(self, port: int, database: DatabaseAddress) -> list[str]:
        """The command line of one start; the database's address is the proxied one."""
        values = database.placeholders
        return [fill_word(word, port, values) for word in self.command]

    def environment_for(self, port: int, database: DatabaseAddress) -> dict[str, str]:
        """The environment of one start; the database's address is the proxied one."""
        values = {**database.placeholders, SERVICE_PORT: str(port)}
        return {
            **self.environment,
            "PORT": str(port),
            **{
                name: fill_template(name, template, values)
                for name, template in self.target_environment.items()
            },
        }
