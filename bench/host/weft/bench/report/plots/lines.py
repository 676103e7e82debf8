# SPDX-License-Identifier: Apache-2.0
"""Curves: a figure over the number of CPUs, or over another parameter, one line per design.

Each line has its name at its right end, in its colour, and none needs a legend to be looked up in. The
horizontal axis is logarithmic where its values double (CPUs), the vertical one where the figures span more
than DECADE; it begins at zero otherwise, so that heights may be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from weft.bench.report.markup import Markup, tag
from weft.bench.report.plots.frame import (
    SMALL,
    WIDTH,
    linear_ticks,
    log_ticks,
    row_of_labels,
    shortened,
    spread,
    svg,
    text_width,
)
from weft.bench.report.text import amount, number, with_unit

DECADE = 20.0
TOP, BASE, LEFT = 20, 176, 50.0
NAMES = 112  # room for the lines' names
COLOURS = 8  # as in style.css


@dataclass(frozen=True)
class Point:
    """A figure, and its lowest and highest repetition."""

    x: int
    value: int
    low: int
    high: int


@dataclass(frozen=True)
class Series:
    """One line."""

    name: str
    points: tuple[Point, ...]


def lines(series: list[Series], unit: str, x_name: str, title: str) -> Markup:
    """See the module."""
    every = [point for one in series for point in one.points]
    x_of = _across(sorted({point.x for point in every}), _right(series))
    y_of, ticks, scale = _upward([value for point in every for value in (point.low, point.high)])
    left = LEFT
    marks: list[Markup] = []
    biggest = max(point.value for point in every)
    for tick in ticks:
        # A logarithmic axis spans units: each number says its own.
        words = amount(tick, unit, like=biggest)[0] if not scale or unit != "ns" else with_unit(tick, unit)
        marks.append(tag("line", x1=left, y1=y_of(tick), x2=WIDTH - _right(series), y2=y_of(tick), class_="grid"))
        marks.append(tag("text", words, x=left - 5, y=y_of(tick) + 3.5, class_="tick end"))
    name = scale if scale and unit == "ns" else ", ".join(filter(None, (amount(biggest, unit)[1], scale)))
    marks.append(tag("text", name, x=0, y=9, class_="tick start"))
    values = sorted({point.x for point in every})
    # The ends first, so that they have their numbers whatever else fits.
    ordered = [values[-1], values[0], *values[1:-1]] if len(values) > 1 else values
    marks += row_of_labels([(x_of(value), number(value)) for value in ordered], BASE + 15, left - 8, WIDTH, "tick")
    marks.append(tag("text", x_name, x=(left + WIDTH - _right(series)) / 2, y=BASE + 29, class_="tick"))
    for index, one in enumerate(series):
        marks.append(_line(index, one, unit, x_name, x_of, y_of))
    marks += _names(series, x_of, y_of)
    return svg(WIDTH, BASE + 34, title, marks, "lines")


def _right(series: list[Series]) -> float:
    if len(series) == 1 and not series[0].name:
        return 12.0
    return min(NAMES, max(text_width(one.name, SMALL) for one in series) + 14)


def _across(values: list[int], right: float) -> Callable[[int], float]:
    """Places on the horizontal axis; logarithmic where values grow by factors."""
    start, end = LEFT + 8, WIDTH - right - 2
    doubling = values[0] > 0 and len(values) > 2 and values[-1] / values[0] >= 2 ** (len(values) - 1)
    scale: Callable[[float], float] = math.log if doubling else float
    low, high = scale(values[0]), scale(values[-1])
    return lambda value: start + (scale(value) - low) / ((high - low) or 1) * (end - start)


def _upward(values: list[int]) -> tuple[Callable[[float], float], list[int], str]:
    """Places on the vertical axis, its ticks, and a word about it."""
    low, high = min(values), max(values)
    if low > 0 and high / low > DECADE:
        bottom, top = math.log(low / 1.2), math.log(high * 1.1)
        ticks = log_ticks(low / 1.2, high * 1.1)

        def place(value: float) -> float:
            return BASE - (math.log(value) - bottom) / (top - bottom) * (BASE - TOP)

        return place, ticks, "logarithmic"
    limit = max(high, 1) * 1.06
    return lambda value: BASE - value / limit * (BASE - TOP), linear_ticks(0, limit, 5), ""


def _line(
    index: int, one: Series, unit: str, x_name: str, x_of: Callable[[int], float], y_of: Callable[[float], float]
) -> Markup:
    path = " ".join(f"{x_of(point.x):.1f},{y_of(point.value):.1f}" for point in one.points)
    marks = [tag("polyline", points=path)]
    for point in one.points:
        x = x_of(point.x)
        about = f"{one.name}, {x_name} {number(point.x)}: {with_unit(point.value, unit)}".removeprefix(", ")
        if point.low != point.high:
            about += f" (repetitions: {with_unit(point.low, unit)} to {with_unit(point.high, unit)})"
            marks.append(tag("line", x1=x, x2=x, y1=y_of(point.low), y2=y_of(point.high)))
        marks.append(tag("circle", [tag("title", about)], cx=x, cy=y_of(point.value), r=3))
    return tag("g", marks, class_=f"line s{index % COLOURS}")


def _names(series: list[Series], x_of: Callable[[int], float], y_of: Callable[[float], float]) -> list[Markup]:
    named = [(index, one) for index, one in enumerate(series) if one.name]
    wanted = [y_of(one.points[-1].value) + 3.5 for _, one in named]
    marks = []
    for (index, one), y in zip(named, spread(wanted, 12.5, TOP, BASE + 2), strict=True):
        words = shortened(one.name, NAMES - 14, SMALL)
        x = WIDTH - _right(series) + 8
        marks.append(tag("text", [tag("title", one.name), words], x=x, y=y, class_=f"name s{index % COLOURS}"))
    return marks
