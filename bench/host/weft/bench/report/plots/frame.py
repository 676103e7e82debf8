# SPDX-License-Identifier: Apache-2.0
"""What all pictures share: the size, text that must not overlap, the marks of an axis.

Nothing measures text here, as there is no browser: `text_width` estimates for the widest of the usual
fonts, so that labels which are placed by it do not touch in any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from weft.bench.report.markup import Markup, join, tag

WIDTH = 350
SIZE = 11.0  # of letters, as in style.css
SMALL = 10.0  # of ticks
WIDTHS = {0.36: "ijl.,:;'|! ", 0.42: "()[]Itfr-·", 0.86: "wmMW@%–—…", 0.7: "ABCDGHKNOPQRUVXY+=<>~", 0.55: "csxzyvk/"}
WIDTH_OF = {letter: width for width, letters in WIDTHS.items() for letter in letters}


def text_width(text: str, size: float = SIZE) -> float:
    """At most so wide, in the widest usual font (DejaVu Sans)."""
    return size * sum(WIDTH_OF.get(letter, 0.64) for letter in text)


def shortened(text: str, room: float, size: float = SIZE) -> str:
    """The text, cut with an ellipsis where it does not fit."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, room: float, size: float = SIZE) -> list[str]:
    """Lines that fit, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shortened(line, room, size) for line in lines]


def svg(width: float, height: float, title: str, marks: Iterable[Markup], kind: str) -> Markup:
    """The picture."""
    return tag(
        "svg",
        [tag("title", title), join(marks)],
        viewbox=f"0 0 {width:g} {height:g}",
        role="img",
        class_=f"plot {kind}",
        style=f"max-width:{width:g}px",
    )


def log_ticks(low: float, high: float) -> list[int]:
    """Round values within a logarithmic axis: 1-2-5 steps, as few as are legible."""
    candidates = [int(mantissa * 10**exponent) for exponent in range(16) for mantissa in (1, 2, 5)]
    ticks: list[int] = []
    for wanted in ((1, 2, 5), (1, 3), (1,)):
        ticks = [value for value in candidates if low <= value <= high and int(str(value)[0]) in wanted]
        if len(ticks) <= 6:
            break
    return ticks if len(ticks) > 1 else linear_ticks(low, high)


def linear_ticks(low: float, high: float, most: int = 6) -> list[int]:
    """Round whole values within a linear axis."""
    step = 10 ** math.floor(math.log10((high - low) / 2)) if high - low > 2 else 1
    while (high - low) / step > most:
        step *= 2 if str(int(step))[0] in "15" else 2.5
    step = max(1, int(step))
    first = math.ceil(low / step) * step
    return list(range(first, math.floor(high) + 1, step))


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions for labels as near to the wanted ones as they can be without touching, in their order."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    edge = low
    for index in order:
        placed[index] = edge = max(wanted[index], edge)
        edge += gap
    edge = high
    for index in reversed(order):
        placed[index] = edge = min(placed[index], edge)
        edge -= gap
    return placed


def row_of_labels(labels: list[tuple[float, str]], y: float, left: float, right: float, kind: str) -> list[Markup]:
    """Labels along a line, centred where they belong; those that would touch an earlier one are left out."""
    marks: list[Markup] = []
    taken: list[tuple[float, float]] = []
    for x, text in labels:
        half = text_width(text, SMALL) / 2
        if 2 * half > right - left:
            continue
        centre = min(max(x, left + half), right - half)
        if all(centre + half + 5 < start or centre - half - 5 > end for start, end in taken):
            taken.append((centre - half, centre + half))
            marks.append(tag("text", text, x=centre, y=y, class_=kind))
    return marks


def logo() -> Markup:
    """Four warps crossed by three wefts that go over and under."""
    marks = [tag("rect", x=8 + 14 * warp, y=2, width=6, height=52, rx=3, class_="warp") for warp in range(4)]
    for weft in range(3):
        y = 10 + 15 * weft
        marks.append(tag("rect", x=2, y=y, width=60, height=6, rx=3, class_=f"weft w{weft}"))
        marks += [
            tag("rect", x=8 + 14 * warp, y=y - 3, width=6, height=12, class_="warp")
            for warp in range(4)
            if (warp + weft) % 2
        ]
    return tag("svg", marks, viewbox="0 0 64 56", class_="logo", aria_hidden="true")
