"""JUnit XML of runs that left no journal: reports, made from journals, do not show them."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from chaosnetra.runner.outcome import Kind, RunOutcome, last_lines

# What XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, outcomes: Sequence[RunOutcome], reported: bool) -> None:
    """Complete a JUnit file, or write it, so that every run is in it.

    Args:
        path: the file; it is there when `reported`.
        outcomes: of all runs.
        reported: whether the runs that left a journal are in it already.

    Raises:
        OSError: it cannot be written.
        ParseError: what is there is not XML.
    """
    missing = [one for one in outcomes if not reported or one.journal is None]
    if reported and not missing:
        return
    suites = ET.Element("testsuites")
    if reported:
        found = ET.parse(path).getroot()  # noqa: S314 - our own report
        suites.extend(found if found.tag == "testsuites" else [found])
    suites.append(_suite(missing))
    ET.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _suite(outcomes: Sequence[RunOutcome]) -> ET.Element:
    kinds = [outcome.kind for outcome in outcomes]
    failures = kinds.count(Kind.VIOLATED)
    suite = ET.Element(
        "testsuite",
        name="chaosnetra ci",
        tests=str(len(kinds)),
        failures=str(failures),
        errors=str(len(kinds) - failures - kinds.count(Kind.HELD)),
        time=f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    )
    suite.extend(map(_case, outcomes))
    return suite


def _case(outcome: RunOutcome) -> ET.Element:
    experiment = outcome.experiment
    case = ET.Element(
        "testcase",
        classname=_xml(str(experiment.path)),
        name=_xml(experiment.title or experiment.path.stem),
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.kind is not Kind.HELD:
        kind = "failure" if outcome.kind is Kind.VIOLATED else "error"
        element = ET.SubElement(case, kind, message=_xml(outcome.line), type=outcome.kind.value)
        element.text = _xml(outcome.text)
        said = "\n".join(last_lines(outcome.files.output))
        ET.SubElement(case, "system-out").text = _xml(said)
    return case


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)
