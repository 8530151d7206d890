"""JUnit XML, written and cleaned in one place: what GitLab, Jenkins and their like read.

They know a test case by its class name and name, and keep one of those that have the same: a
failure could vanish behind a case that passed. So no two of a document are alike, and what a case
is called depends on nothing that changes from run to run.
"""

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from chaosnetra.report.safe_text import one_visible_line, visible

LONGEST_NAME = 300
LONGEST_MESSAGE = 500
LONGEST_TEXT = 10_000
VERDICT = "verdict"
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


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


def case(name: str, seconds: float | None = None) -> ET.Element:
    """A test case that passed; `told` makes it another."""
    return ET.Element(
        "testcase", name=one_visible_line(name, LONGEST_NAME), time=f"{seconds or 0.0:.3f}"
    )


def told(found: ET.Element, kind: str, type_: str, line: str, text: str | None = None) -> None:
    """Make a case a `failure` or an `error`, with what there is to say of it: a line, a text."""
    message = one_visible_line(line, LONGEST_MESSAGE)
    element = ET.SubElement(found, kind, type=one_visible_line(type_, 100), message=message)
    element.text = visible(line if text is None else text, LONGEST_TEXT)


def suite(
    name: str,
    cases: Sequence[ET.Element],
    *,
    seconds: float | None = None,
    timestamp: str = "1970-01-01T00:00:00",
    hostname: str = "unknown",
    properties: Sequence[tuple[str, str]] = (),
    output: str = "",
) -> ET.Element:
    """A suite in the order that the strictest of the published schemas asks for.

    Args:
        name: of the suite, and the class name of its cases; see `call`.
        cases: as `case` makes them; those that have the same name are told apart.
        seconds: that it took.
        timestamp: when it began, ISO 8601 without a zone.
        hostname: where it ran.
        properties: names and values.
        output: what it said, cleaned by its writer line by line.
    """
    found = ET.Element(
        "testsuite",
        time=f"{seconds or 0.0:.3f}",
        timestamp=timestamp,
        hostname=one_visible_line(hostname, LONGEST_NAME),
        package="chaosnetra",
    )
    listed = ET.SubElement(found, "properties")
    for key, value in properties:
        ET.SubElement(
            listed,
            "property",
            name=one_visible_line(key, 100),
            value=one_visible_line(value, LONGEST_MESSAGE),
        )
    for one, own in zip(cases, distinct([one.get("name", "") for one in cases]), strict=True):
        one.set("name", own)
    found.extend(cases)
    ET.SubElement(found, "system-out").text = visible(output, 4 * LONGEST_TEXT)
    ET.SubElement(found, "system-err")
    call(found, one_visible_line(name, LONGEST_NAME))
    return found


def call(found: ET.Element, name: str) -> None:
    """Name a suite and, by its class name, each of its cases; no other suite has the name."""
    found.set("name", name)
    for one in found.findall("testcase"):
        one.set("classname", name)


def document(suites: Sequence[ET.Element]) -> str:
    """The whole document: the suites numbered, with the counts of what is in them."""
    root = ET.Element("testsuites", name="chaosnetra")
    for number, found in enumerate(suites):
        found.set("id", str(number))
        found.set("tests", str(len(found.findall("testcase"))))
        for key, tag in _COUNTED.items():
            found.set(key, str(len(found.findall(f"testcase/{tag}"))))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(found.get(key, "0")) for found in suites)))
    root.set("time", f"{sum(float(found.get('time', '0')) for found in suites):.3f}")
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'
