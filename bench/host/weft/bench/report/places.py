# SPDX-License-Identifier: Apache-2.0
"""The ways from a figure to its timeline.

A page that is a file cannot open a timeline, as no program is behind it: there a link leads to the place's
line in the section on timelines, which has the command that shows it. When `weft view --report` serves the
page it turns each link into one that opens the timeline at the place: `data-at` says which and where.
"""

from __future__ import annotations

import hashlib

from weft.bench.report.markup import Markup, tag
from weft.bench.report.view import Place, View


def anchor(place: Place) -> str:
    """The place's line on the page."""
    return "at-" + hashlib.sha256(place.address.encode()).hexdigest()[:10]


def link(view: View, place: Place, words: str) -> Markup:
    """From a figure to its place."""
    return tag("a", words, class_="at", data_at=place.address, href=f"#{anchor(place)}", title=view.command(place))


def all_places(view: View) -> dict[Place, str]:
    """Each place once, with what is there."""
    found: dict[Place, str] = {}
    for entry in view.entries:
        if entry.place:
            found.setdefault(entry.place, view.full_title(entry))
            for key, call in entry.calls.items():
                found.setdefault(call, f"{view.full_title(entry)}: {CALLS[key]}")
    return found


CALLS = {"median": "a median call", "slowest": "the slowest call"}
