"""The frame of a plot: as wide as its place, with text of a fixed size whatever the width.

Across, everything is placed in per cent; down, in pixels. So a plot needs no script and no second
drawing for narrow screens. Labels at its left lie in a margin that the page's style leaves.
"""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from chaosnetra.report.markup import Content, element, join
from chaosnetra.report.plots.scales import Scale, seconds_text
from chaosnetra.report.safe_text import without_middle

AXIS_HEIGHT = 22
LONGEST_HEAD, LONGEST_EDGE = 42, 34  # characters, which a telephone has room for
_MARKS = {
    "ready": element("circle", r="4", class_="ready"),
    "failed": element("path", d="M-4-4L4 4M-4 4L4-4", class_="failed"),
    "cut": element("path", d="M-4-4.5L4.5 0L-4 4.5Z", class_="cut"),
    "closed": element("path", d="M0-6V6", class_="closed"),
}


Signs = Sequence[tuple[Markup, str]]


def plot(
    title: str, description: str, height: float, *content: Content, signs: Signs = ()
) -> Markup:
    """A whole plot.

    Args:
        title: what it shows, in a few words.
        description: what is to be seen, for those who cannot.
        height: pixels.
        content: what the functions here make.
        signs: for a legend above it; see `legend`.
    """
    drawn = element(
        "svg",
        element("title", title),
        element("desc", description),
        *content,
        class_="plot",
        role="img",
        aria_label=f"{title}. {description}",
        width="100%",
        height=f"{height:g}",
    )
    return join([legend(signs), drawn]) if signs else drawn


def text(
    x: str, y: float, content: Content, *, anchor: str = "start", class_: str | None = None
) -> Markup:
    """Text; `x` in per cent or pixels, `y` of its base line, anchor start, middle or end."""
    return element("text", content, x=x, y=f"{y:g}", text_anchor=anchor, class_=class_)


def head(name: str, y: float) -> Markup:
    """The name of a part of the plot, at its left; a long one is cut in the middle."""
    return text("0%", y, without_middle(name, LONGEST_HEAD), class_="head halo")


def line(x1: str, y1: float, x2: str, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=f"{y1:g}", x2=x2, y2=f"{y2:g}", class_=class_)


def upright(scale: Scale, value: float, top: float, bottom: float, class_: str) -> Markup:
    """A line at a value, from one height to another."""
    x = scale.percent(value)
    return line(x, top, x, bottom, class_)


def box(
    scale: Scale,
    start: float,
    end: float | None,
    y: float,
    height: float,
    class_: str,
    told: Content,
) -> Markup:
    """A bar from one value to another, or to the end of the scale; `told` is shown when it is
    pointed at."""
    left, right = 100 * scale.share(start), 100 * scale.share(scale.high if end is None else end)
    return element(
        "rect",
        element("title", told) if told is not None else None,
        x=f"{left:.3f}%",
        y=f"{y:g}",
        width=f"{max(0.0, right - left):.3f}%",
        height=f"{height:g}",
        class_=class_,
    )


def mark(kind: str, x: str, y: float) -> Markup:
    """A point: `ready` (a disc), `failed` (a cross), `cut` (a triangle: it went on) or `closed`."""
    return element("svg", _MARKS[kind], x=x, y=f"{y:g}", overflow="visible", width="1", height="1")


def x_axis(
    scale: Scale, top: float, bottom: float, shown: Callable[[float], str] = seconds_text
) -> Markup:
    """Lines at round values from `top` to `bottom`, and their names beneath."""
    found = []
    for tick in scale.ticks:
        name = shown(tick)
        found.append(upright(scale, tick, top, bottom, "grid"))
        found.append(
            text(scale.percent(tick), bottom + 15, name, anchor="middle", class_="quiet small")
        )
    return join([*found, line("0%", bottom, "100%", bottom, "axis")])


def y_axis(scale: Scale, top: float, height: float, shown: Callable[[float], str]) -> Markup:
    """Lines at round values across, and their names at the left."""
    ticks = scale.ticks
    every = max(1, -(-len(ticks) * 16 // max(1, int(height))))
    found = []
    for tick in ticks[::every]:
        y = top + height * (1 - scale.share(tick))
        found.append(line("0%", y, "100%", y, "grid"))
        found.append(text("-6", y + 4, shown(tick), anchor="end", class_="quiet small"))
    return join(found)


def edge_label(scale: Scale, value: float, y: float, content: str, class_: str) -> Markup:
    """A name for a value: beside it, or over its line, where there is room.

    A long one is cut in the middle.
    """
    share = scale.share(value)
    x = f"{100 * share:.3f}%"
    # In the middle third of a narrow screen neither side has room for a long one.
    anchor = "start" if share < 1 / 3 else "middle" if share < 2 / 3 else "end"
    return element(
        "text",
        without_middle(content, LONGEST_EDGE),
        x=x,
        y=f"{y:g}",
        dx={"start": "4", "middle": "0", "end": "-4"}[anchor],
        text_anchor=anchor,
        class_=f"{class_} halo",
    )


def steps(
    points: Sequence[tuple[float, float]], across: Scale, up: Scale, top: float, height: float,
    class_: str, *, filled: bool = False,
) -> Markup:  # fmt: skip
    """A line that keeps each value until the next.

    Args:
        points: across and up, in order.
        across: scale of the first.
        up: scale of the second.
        top: pixels.
        height: pixels.
        class_: of the line.
        filled: fill what is under it, and draw no line.
    """
    if not points:
        return Markup("")
    path, before = [], ""
    for x_value, y_value in points:
        x = f"{1000 * across.share(x_value):.1f}"
        y = f"{100 * (1 - up.share(y_value)):.1f}"
        path.append(f"H{x}V{y}" if before else f"M{x} {100 if filled else y}V{y}")
        before = y
    path.append("H1000")
    if filled:
        path.append("V100Z")
    return element(
        "svg",
        element("path", d="".join(path), class_=f"{'area' if filled else 'line'} {class_}"),
        x="0",
        y=f"{top:g}",
        width="100%",
        height=f"{height:g}",
        viewBox="0 0 1000 100",
        preserveAspectRatio="none",
        overflow="hidden" if filled else "visible",
    )


def legend(signs: Signs) -> Markup:
    """What signs mean: each a swatch and its name."""
    return element(
        "div",
        *(element("span", swatch, name) for swatch, name in signs),
        class_="legend",
    )


def mark_swatch(kind: str) -> Markup:
    """A point for a legend."""
    inner = element("g", _MARKS[kind], transform="translate(7 7)")
    return element("svg", inner, width="14", height="14", aria_hidden="true")


def box_swatch(class_: str) -> Markup:
    inner = element("rect", x="1", y="2", width="12", height="10", class_=class_)
    return element("svg", inner, width="14", height="14", aria_hidden="true")


def line_swatch(class_: str) -> Markup:
    inner = element("line", x1="0", y1="7", x2="22", y2="7", class_=class_)
    return element("svg", inner, width="22", height="14", aria_hidden="true")
