"""HTML made of small pieces; whatever is not markup already is escaped."""

import re
from collections.abc import Iterable
from html import escape
from typing import Final, NewType

Markup = NewType("Markup", str)

_CODE: Final = re.compile(r"`([^`]+)`")


def text(plain: str) -> Markup:
    """Return plain text as markup."""
    return Markup(escape(plain))


def element(name: str, *content: Markup, **attributes: str) -> Markup:
    """Return an element; an attribute that is a word of Python ends in an underscore."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{told}>{''.join(content)}</{name}>")


def joined(pieces: Iterable[Markup], between: str = "") -> Markup:
    """Return the pieces as one."""
    return Markup(between.join(pieces))


def inline(plain: str) -> Markup:
    """Return a sentence whose words in backticks are code."""
    parts = _CODE.split(plain)
    return joined(
        element("code", text(part)) if index % 2 else text(part) for index, part in enumerate(parts)
    )


def prose(plain: str) -> Markup:
    """Return paragraphs, which are divided by empty lines."""
    paragraphs = [part for part in plain.split("\n\n") if part.strip()]
    return joined(element("p", inline(" ".join(part.split()))) for part in paragraphs)


def anchor(plain: str) -> str:
    """Return a title as the name of its place in the page."""
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
