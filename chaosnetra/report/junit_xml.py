"""JUnit XML, written and cleaned in one place: what GitLab, Jenkins and their like read.

They know a test case by its class name and name, and keep one of those that have the same: a
failure could vanish behind a case that passed. So no two of a document are alike, and what a case
is called depends on nothing that changes from run to run.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from junitparser import (
    Attr,
    Error,
    Failure,
    IntAttr,
    JUnitXml,
    Properties,
    SystemErr,
    SystemOut,
    TestCase,
    TestSuite,
)

from chaosnetra.report.safe_text import one_visible_line, visible

LONGEST_NAME = 300
LONGEST_MESSAGE = 500
LONGEST_TEXT = 10_000
VERDICT = "verdict"


def distinct(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that were there before: `a`, `a (2)`, `a (3)`.

    The first of each keeps its name, and no number makes a name that another one has.
    """
    taken = set(names)
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        if seen[name] > 1:
            while (numbered := f"{name} ({seen[name]})") in taken:
                seen[name] += 1
            taken.add(numbered)
            name = numbered
        found.append(name)
    return found


class Case(TestCase):
    """A test case; passed until it has a result."""

    file = Attr()

    def tell(
        self, kind: type[Error] | type[Failure], type_: str, line: str, text: str | None = None
    ) -> None:
        """Give it a result, with what there is to say of it: a line, and a text that says more."""
        result = kind(one_visible_line(line, LONGEST_MESSAGE), one_visible_line(type_, 100))
        result.text = visible(line if text is None else text, LONGEST_TEXT)
        self.result = result


class Suite(TestSuite):
    """A suite, as the strictest of the published schemas has it."""

    id = IntAttr()
    package = Attr()

    def __iter__(self) -> Iterator[Case]:
        cases: Iterator[Case] = self.iterchildren(Case)
        return cases

    def call(self, name: str) -> None:
        """Name it and, by its class name, each of its cases; no other suite has the name."""
        self.name = name
        for one in self:
            one.classname = name


class Document(JUnitXml):
    """Suites, as a file has them."""

    def __iter__(self) -> Iterator[Suite]:
        suites: Iterator[Suite] = self.iterchildren(Suite)
        return suites


def case(name: str, seconds: float | None = None) -> Case:
    """A test case that passed."""
    return Case(one_visible_line(name, LONGEST_NAME), time=round(seconds or 0.0, 3))


def suite(
    name: str,
    cases: Sequence[Case],
    *,
    seconds: float | None = None,
    timestamp: str = "1970-01-01T00:00:00",
    hostname: str = "unknown",
    properties: Sequence[tuple[str, str]] = (),
    output: str = "",
) -> Suite:
    """A suite in the order that the strictest of the published schemas asks for.

    Args:
        name: of the suite, and the class name of its cases; see `Suite.call`.
        cases: as `case` makes them; those that have the same name are told apart.
        seconds: that it took.
        timestamp: when it began, ISO 8601 without a zone.
        hostname: where it ran.
        properties: names and values.
        output: what it said, cleaned by its writer line by line.
    """
    found = Suite()
    found.time, found.timestamp, found.package = round(seconds or 0.0, 3), timestamp, "chaosnetra"
    found.hostname = one_visible_line(hostname, LONGEST_NAME)
    found.append(Properties())
    for key, value in properties:
        found.add_property(one_visible_line(key, 100), one_visible_line(value, LONGEST_MESSAGE))
    for one, own in zip(cases, distinct([one.name for one in cases]), strict=True):
        one.name = own
    found.extend(cases)
    found.extend([SystemOut(visible(output, 4 * LONGEST_TEXT)), SystemErr()])
    found.call(one_visible_line(name, LONGEST_NAME))
    return found


def suites_of(path: Path) -> Iterator[Suite]:
    """The suites of a document that was written here.

    Raises:
        OSError: it cannot be read.
        SyntaxError: it is not XML.
    """
    found = Document.fromfile(str(path))
    assert isinstance(found, Document)  # noqa: S101 - it is made of its class
    return iter(found)


def document(suites: Sequence[Suite]) -> str:
    """The whole document: the suites numbered, with the counts of what is in them."""
    root = Document("chaosnetra")
    for number, found in enumerate(suites):
        seconds = found.time  # of the run, which is more than its cases took
        found.update_statistics()
        found.time, found.id = seconds, number
        root.append(found)
    for key in ("tests", "failures", "errors"):
        setattr(root, key, sum(getattr(found, key) for found in suites))
    root.time = round(sum(found.time for found in suites), 3)
    written = BytesIO()
    root.write(written, pretty=True)
    return written.getvalue().decode()
