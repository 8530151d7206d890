"""Elements of HTML and SVG. What is not markup already is text, and is cleaned and escaped."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from chaosnetra.report.safe_text import visible

Content = object


def element(tag: str, /, *content: Content, **attributes: object) -> Markup:
    """One element.

    Args:
        tag: its name.
        content: markup as it is; None is left out; anything else as text.
        attributes: an underscore at the end is dropped (`class_`), others become hyphens; None
            and False are left out, True is an attribute without a value.

    Returns:
        The element, also when it is empty, with an end tag: right in HTML for all but void
        elements, for which see `void`.
    """
    name = Markup(tag)  # noqa: S704 - the names are ours
    return Markup("<{}{}>{}</{}>").format(name, _attributes(attributes), join(content), name)


def void(tag: str, /, **attributes: object) -> Markup:
    """An element that HTML gives no end tag."""
    return Markup("<{}{}>").format(Markup(tag), _attributes(attributes))  # noqa: S704


def join(content: Iterable[Content]) -> Markup:
    """Pieces of content, one after the other; see `element`."""
    return Markup("").join(_piece(one) for one in content if one is not None)


def _piece(content: Content) -> Markup:
    return content if isinstance(content, Markup) else escape(visible(content))


def _attributes(attributes: dict[str, object]) -> Markup:
    found = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = Markup(name.rstrip("_").replace("_", "-"))  # noqa: S704 - the names are ours
        if value is True:
            found.append(Markup(" {}").format(key))
        else:
            found.append(Markup(' {}="{}"').format(key, _piece(value)))
    return Markup("").join(found)
