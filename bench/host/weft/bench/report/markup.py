# SPDX-License-Identifier: Apache-2.0
"""Building HTML and SVG so that nothing from a guest or a host can end up as markup.

    tag("td", "a < b", class_="num")    ->  <td class="num">a &lt; b</td>
    tag("tr", [cell, cell])             ->  children are Markup already

Text is escaped unless it is `Markup`; attributes are always escaped. `class_` stands for class, and
other underscores in attribute names become hyphens.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = {"meta", "line", "rect", "circle", "path", "br", "polyline", "link"}


class Markup(str):
    """Text that is markup: made by tag(), join() or raw() only."""


def tag(element: str, content: str | Iterable[Markup] = "", /, **attributes: object) -> Markup:
    """One element; attributes that are None or False are left out."""
    parts = [element]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = "class" if key == "class_" else key.rstrip("_").replace("_", "-")
        key = {"viewbox": "viewBox"}.get(key, key)
        parts.append(f'{key}="{html.escape(_text(value), quote=True)}"')
    head = " ".join(parts)
    body = escape(content) if isinstance(content, str) else join(content)
    if element in VOID and not body:
        return Markup(f"<{head}/>" if element != "meta" else f"<{head}>")
    return Markup(f"<{head}>{body}</{element}>")


def escape(text: str) -> Markup:
    """Text as markup, unless it is markup already."""
    return text if isinstance(text, Markup) else Markup(html.escape(text, quote=False))


def join(pieces: Iterable[Markup], separator: str = "") -> Markup:
    """Several pieces of markup as one."""
    return Markup(separator.join(escape(piece) for piece in pieces))


def prose(text: str) -> Markup:
    """Text in which `backticks` mark code."""
    pieces = text.split("`")
    return join(tag("code", piece) if index % 2 else escape(piece) for index, piece in enumerate(pieces))


def _text(value: object) -> str:
    """Numbers of coordinates with two digits at most, so that output is short and stable."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
