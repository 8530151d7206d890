"""The page's colours can be told apart, in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from importlib import resources

import pytest

STYLE = (resources.files("chaosnetra.report") / "page.css").read_text(encoding="utf-8")
TEXT, SHAPE = 4.5, 3.0


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def on(scheme: str, phase: int) -> str:
    """The colour of a name that is written on the bar of a phase."""
    return "white" if scheme == "light" and f"svg text.on.p{phase}" in STYLE else "on-phase"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_shapes_stand_out(scheme: str) -> None:
    colours = {**palettes()[scheme], "white": "#ffffff"}
    pairs = [
        *(
            (name, ground, TEXT)
            for name in ("text", "quiet", "accent")
            for ground in ("page", "card")
        ),
        *((name, f"{name}-soft", TEXT) for name in ("good", "bad", "unsure")),
        *((name, "page", TEXT) for name in ("good", "bad")),
        *((f"phase-{number}", on(scheme, number), TEXT) for number in range(10)),
        ("mark-good", "own", SHAPE),
        *((name, "page", SHAPE) for name in ("mark-good", "mark-bad", "mark-cut", "fault")),
    ]
    poor = [
        (one, other, round(contrast(colours[one], colours[other]), 2))
        for one, other, least in pairs
        if contrast(colours[one], colours[other]) < least
    ]
    assert poor == []


def test_every_colour_that_is_used_is_there_in_both() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE))
    for colours in palettes().values():
        assert used <= set(colours)


def test_a_swatch_that_is_as_pale_as_its_area_has_an_outline() -> None:
    # In dark the soft colour of a fault is too near to the page's to be seen by itself.
    rule = r"\.legend svg \.fault \{ stroke: var\(--([\w-]+)\); \}"
    (outline,) = re.findall(rule, STYLE)
    for colours in palettes().values():
        assert contrast(colours[outline], colours["page"]) >= SHAPE
