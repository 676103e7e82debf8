# SPDX-License-Identifier: Apache-2.0
"""A heat map of medians: from each CPU (row) to each CPU (column)."""

from __future__ import annotations

from weft.bench.report.markup import Markup, tag
from weft.bench.report.plots.frame import SIZE, SMALL, WIDTH, svg, text_width
from weft.bench.report.text import amount, with_unit

LEFT, TOP = 40, 32
Cells = dict[tuple[int, int], int]


def matrix(cells: Cells, cpus: int, unit: str, title: str) -> Markup:
    """The values stand in the cells where they fit; the tooltips always have them."""
    size = min(56.0, (WIDTH - LEFT) / cpus)
    between = [value for (row, column), value in cells.items() if row != column]
    low, high = min(between), max(between)
    width = LEFT + cpus * size
    middle = TOP + cpus * size / 2
    marks = [
        tag("text", "server on CPU", x=LEFT + cpus * size / 2, y=10, class_="tick"),
        tag("text", "client on CPU", x=9, y=middle, class_="tick", transform=f"rotate(-90 9 {middle:g})"),
    ]
    every = next(step for step in (1, 2, 4, 8, 16, 32) if step * size >= text_width("888", SMALL) or step == 32)
    for cpu in range(0, cpus, every):
        at = cpu * size + size / 2
        marks.append(tag("text", str(cpu), x=LEFT + at, y=TOP - 6, class_="tick"))
        marks.append(tag("text", str(cpu), x=LEFT - 6, y=TOP + at + 3.5, class_="tick end"))
    fits = max(text_width(amount(value, unit, like=high)[0], SIZE) for value in cells.values()) <= size - 3
    for (row, column), value in sorted(cells.items()):
        x, y = LEFT + column * size, TOP + row * size
        strength = _strength(value, row == column, (low, high))
        about = f"CPU {row} to CPU {column}: {with_unit(value, unit)}"
        marks.append(_cell(about, row == column, x, y, size, strength))
        if fits:
            words = amount(value, unit, like=high)[0]
            marks.append(tag("text", words, x=x + size / 2, y=y + size / 2 + 4, class_="cell-text"))
    return svg(width + 1, TOP + cpus * size + 1, title, marks, "matrix")


def _strength(value: int, same: bool, limits: tuple[int, int]) -> float:
    """How dark: calls on one CPU are another kind of thing and not on the scale of the others, and
    differences of a few percent shall not look like day and night. Text stays legible on the darkest."""
    low, high = limits
    return 0.12 if same else 0.1 + 0.46 * (value - low) / max(high - low, low / 4, 1)


def _cell(about: str, same: bool, x: float, y: float, size: float, strength: float) -> Markup:
    gap = 1 if size > 20 else 0.4
    return tag(
        "rect",
        [tag("title", about)],
        x=x + gap,
        y=y + gap,
        width=size - 2 * gap,
        height=size - 2 * gap,
        class_="cell same" if same else "cell",
        fill_opacity=strength,
    )
