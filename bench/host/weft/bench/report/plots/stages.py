# SPDX-License-Identifier: Apache-2.0
"""The course of a call: one bar of all its stages, and below it each stage where it stands in that bar."""

from __future__ import annotations

from weft.bench.report.markup import Markup, tag
from weft.bench.report.plots.frame import SIZE, WIDTH, svg, text_width
from weft.bench.report.text import amount, with_unit

ROW = 19
LEFT = 62.0
Stage = tuple[str, str, int]  # name, side, duration


def stages(parts: list[Stage], unit: str, title: str) -> Markup:
    """(name, side, duration) in their order; the bar is as long as they are together."""
    total = max(1, sum(duration for _, _, duration in parts))
    room = max(text_width(amount(duration, unit, like=total)[0], SIZE) for _, _, duration in parts) + 8
    scale = (WIDTH - LEFT - room) / total
    bar: list[Markup] = []
    marks = [tag("text", "together", x=0, y=13, class_="strong")]
    marks.append(tag("text", amount(total, unit, like=total)[0], x=LEFT + total * scale + 5, y=13, class_="strong"))
    x = LEFT
    for index, (name, side, duration) in enumerate(parts):
        y = (index + 1) * ROW + 6
        length = duration * scale
        about = f"{name}: {with_unit(duration, unit)}, {duration / total:.0%} of {with_unit(total, unit)}"
        bar.append(tag("rect", [tag("title", about)], x=x, y=2, width=max(0.6, length - 0.8), height=15, class_=f"stage {side}"))
        marks += [
            tag("text", name, x=0, y=y + 10),
            tag("line", x1=x, y1=17, x2=x, y2=y + 12, class_="lead"),
            tag("rect", [tag("title", about)], x=x, y=y, width=max(1.5, length), height=12, class_=f"stage {side}"),
            tag("text", amount(duration, unit, like=total)[0], x=x + max(1.5, length) + 5, y=y + 10),
        ]
        x += length
    marks.append(tag("g", bar, class_="whole"))
    return svg(WIDTH, ROW * (len(parts) + 1) + 4, title, marks, "course")
