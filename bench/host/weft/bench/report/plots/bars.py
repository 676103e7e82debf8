# SPDX-License-Identifier: Apache-2.0
"""Bars for figures of several systems, and dots with whiskers for ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from weft.bench.report.markup import Markup, tag
from weft.bench.report.plots.frame import WIDTH, log_ticks, row_of_labels, shortened, svg, text_width, wrapped
from weft.bench.report.text import factor, number, with_unit

LINE = 13.0


@dataclass(frozen=True)
class Bar:
    """One system's figure."""

    system: str
    operation: str
    value: int
    ours: bool = False


def comparison(bars: list[Bar], unit: str, title: str) -> Markup:
    """One bar below the other, each with its value, on a scale from zero."""
    widest = max(text_width(number(bar.value)) for bar in bars) + 8
    scale = (WIDTH - widest) / max(1, *(bar.value for bar in bars))
    marks: list[Markup] = []
    y = 0.0
    for bar in bars:
        lines = wrapped(f"{bar.system} {bar.operation}", WIDTH - 8)
        for index, line in enumerate(lines):
            y += LINE
            words = line.removeprefix(bar.system) if index == 0 else line
            name = [tag("tspan", bar.system, class_="strong" if bar.ours else None)] if index == 0 else []
            marks.append(tag("text", [*name, tag("tspan", words, class_="muted")], x=0, y=y - 2))
        length = max(2.0, bar.value * scale)
        about = f"{bar.system}: {bar.operation}: {with_unit(bar.value, unit)}"
        marks += [
            tag("rect", [tag("title", about)], x=0, y=y + 2, width=length, height=9, rx=2,
                class_="bar ours" if bar.ours else "bar"),
            tag("text", number(bar.value), x=length + 6, y=y + 10.5, class_="strong" if bar.ours else None),
        ]  # fmt: skip
        y += 20
    return svg(WIDTH, y, title, marks, "bars")


def ratios(rows: list[dict[str, Any]], title: str) -> Markup:
    """Linux / Weft for each row, on a logarithmic axis: the dot is the ratio, the line its spread over the
    rounds. The axis always has 1 in it, where both need the same."""
    low = min(1.0, *(row["low"] for row in rows)) / 1.15
    high = max(1.0, *(row["high"] for row in rows)) * 1.15
    low, high = max(low, 1e-3), max(high, low * 2)
    right = max(text_width(factor(row["ratio"])) for row in rows) + 10
    span = math.log(high) - math.log(low)

    def x_of(value: float) -> float:
        return 4 + (math.log(max(value, low)) - math.log(low)) / span * (WIDTH - right - 8)

    height = 28 * len(rows)
    ticks = [tick for tick in (log_ticks(low, high) if high > 2 else []) if tick != 1] + [1]
    marks = [tag("line", x1=x_of(tick), y1=0, x2=x_of(tick), y2=height, class_="equal" if tick == 1 else "grid")
             for tick in ticks]  # fmt: skip
    for index, row in enumerate(rows):
        y = 28 * index + 11
        words = f"{row['weft']}: Linux / Weft {row['ratio']:.2f}, rounds {row['low']:.2f} to {row['high']:.2f}"
        marks += [
            tag("text", shortened(f"{row['weft']} · {row['linux'].removeprefix('linux.')}", WIDTH), x=0, y=y),
            tag("line", x1=x_of(row["low"]), y1=y + 8, x2=x_of(row["high"]), y2=y + 8, class_="whisker"),
            tag("circle", [tag("title", words)], cx=x_of(row["ratio"]), cy=y + 8, r=4, class_="dot main"),
            tag("text", factor(row["ratio"]), x=WIDTH, y=y + 12, class_="end strong"),
        ]  # fmt: skip
    labels = [(x_of(1), "1: the same"), *((x_of(tick), f"{tick}") for tick in ticks[:-1])]
    marks += row_of_labels(labels, height + 12, 0, WIDTH - right + 4, "tick")
    return svg(WIDTH, height + 16, title, marks, "ratios")
