"""What lint says about one place of an experiment."""

from dataclasses import dataclass
from enum import StrEnum

from chaosnetra.text import one_line


class Severity(StrEnum):
    """An error is a trap; a warning is one only if something holds that a file does not show."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One trap.

    Attributes:
        file: as it was named on the command line.
        line: of the key or the element that it is about, from 1.
        rule: short name of the trap.
        message: what is there, and what happens at run time.
        remedy: what to write instead.
        severity: error or warning.
    """

    file: str
    line: int
    rule: str
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """The finding as one line: `file:line: [rule] message`."""
        mark = "warning: " if self.severity is Severity.WARNING else ""
        return one_line(
            f"{self.file}:{self.line}: [{self.rule}] {mark}{self.message}; {self.remedy}"
        )
