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
    # Names of tags and attributes are ours; all else in it is escaped.
    return Markup(f"<{tag}{_attributes(attributes)}>{join(content)}</{tag}>")  # noqa: S704


def void(tag: str, /, **attributes: object) -> Markup:
    """An element that HTML gives no end tag."""
    return Markup(f"<{tag}{_attributes(attributes)}>")  # noqa: S704 - see `element`


def join(content: Iterable[Content]) -> Markup:
    """Pieces of content, one after the other; see `element`."""
    return Markup("").join(_piece(one) for one in content if one is not None)


def _piece(content: Content) -> Markup:
    return content if isinstance(content, Markup) else escape(visible(content))


def _attributes(attributes: dict[str, object]) -> str:
    found = []
    for name, value in attributes.items():
        if value is not None and value is not False:
            key = name.rstrip("_").replace("_", "-")
            found.append(f" {key}" if value is True else f' {key}="{_piece(value)}"')
    return "".join(found)
