# SPDX-License-Identifier: Apache-2.0
"""A histogram on a logarithmic axis, with the percentiles marked below it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from weft.bench.report.markup import Markup, tag
from weft.bench.report.plots.frame import SMALL, WIDTH, log_ticks, row_of_labels, svg, text_width
from weft.bench.report.text import number, with_unit

BINS = 44
FEW_VALUES = 12  # so few are drawn one by one
LEFT, RIGHT = 6.0, WIDTH - 6.0
TOP, BASE = 6, 100
PERCENTILES = (("p50", "p50"), ("p99", "p99"), ("max", "max"), ("min", "min"), ("p90", "p90"), ("p999", "p99.9"))
Buckets = list[list[int]]
Scale = Callable[[float], float]


def distribution(values: dict[str, int], buckets: Buckets, unit: str, title: str) -> Markup:
    """Of one figure: its statistics and its histogram, [low, count] each."""
    low, high = _limits(values)
    span = math.log(high) - math.log(low)

    def x_of(value: float) -> float:
        return LEFT + (math.log(max(value, low)) - math.log(low)) / span * (RIGHT - LEFT)

    ticks = log_ticks(low, high)
    marks = [tag("line", x1=x_of(tick), y1=TOP, x2=x_of(tick), y2=BASE, class_="grid") for tick in ticks]
    marks.append(tag("g", _bars(values, buckets or [[values["p50"], 1]], unit, x_of), class_="histogram"))
    marks.append(tag("line", x1=LEFT, y1=BASE, x2=RIGHT, y2=BASE, class_="axis"))
    words = [(x_of(tick), with_unit(tick, unit) if unit == "ns" or tick == ticks[-1] else number(tick)) for tick in ticks]
    marks += row_of_labels(words[::-1], BASE + 13, 0, WIDTH, "tick")
    marks += _percentiles(values, unit, x_of, BASE + 30)
    return svg(WIDTH, BASE + 62, title, marks, "distribution")


def _limits(values: dict[str, int]) -> tuple[float, float]:
    """The ends of the axis: a little room around min and max, and never an empty axis."""
    low, high = max(values["min"], 1), max(values["max"], 1)
    if high / low < 1.6:
        middle = math.sqrt(low * high)
        return middle / 1.3, middle * 1.3
    return low / 1.05, high * 1.05


def _bars(values: dict[str, int], buckets: Buckets, unit: str, x_of: Scale) -> list[Markup]:
    if len(buckets) <= FEW_VALUES:
        shown = [(min(max(low, values["min"]), values["max"]), count) for low, count in buckets]
        spans = [(x_of(value) - 3.5, 7.0, value, count) for value, count in shown]
    else:
        spans = [
            (x_of(start), max(2.0, x_of(end) - x_of(start) - 1), round(math.sqrt(start * end)), count)
            for start, end, count in _rebin(buckets, _limits(values))
        ]
    total = sum(count for _, _, _, count in spans)
    tallest = max(count for _, _, _, count in spans)
    bars = []
    for x, width, value, count in spans:
        height = max(1.0, (BASE - TOP) * count / tallest)
        about = f"about {with_unit(value, unit)}: {number(count)} of {number(total)}"
        bars.append(tag("rect", [tag("title", about)], x=x, y=BASE - height, width=width, height=height))
    return bars


def _rebin(buckets: Buckets, limits: tuple[float, float]) -> list[tuple[float, float, int]]:
    """Equal steps on the logarithmic axis, none finer than the guest's own buckets."""
    low, high = math.log(limits[0]), math.log(limits[1])
    lows = [math.log(max(bucket[0], 1)) for bucket in buckets]
    gaps = [after - before for before, after in itertools.pairwise(lows) if after > before]
    step = max((high - low) / BINS, min(gaps, default=0.0))
    bins: dict[int, int] = {}
    for position, (_, count) in zip(lows, buckets, strict=True):
        index = max(0, min(math.floor((position - low) / step), math.floor((high - low) / step)))
        bins[index] = bins.get(index, 0) + count
    return [
        (math.exp(low + index * step), math.exp(min(low + (index + 1) * step, high)), count)
        for index, count in sorted(bins.items())
    ]


def _percentiles(values: dict[str, int], unit: str, x_of: Scale, y: float) -> list[Markup]:
    """A dot per percentile, and a label where there is room for it, the most wanted first."""
    marks = [tag("line", x1=x_of(values["min"]), y1=y, x2=x_of(values["max"]), y2=y, class_="strip")]
    at: dict[int, list[str]] = {}
    for key, label in sorted(PERCENTILES, key=lambda pair: values[pair[0]]):
        at.setdefault(values[key], []).append(label)
    dots = []
    for key, label in PERCENTILES:
        about = f"{label}: {with_unit(values[key], unit)}"
        kind = "dot main" if key == "p50" else "dot"
        dots.append(tag("circle", [tag("title", about)], cx=x_of(values[key]), cy=y, r=3.5, class_=kind))
    marks += dots[::-1]  # the median on top
    rows: list[list[tuple[float, float]]] = [[], []]
    for value in dict.fromkeys(values[key] for key, _ in PERCENTILES):
        words = f"{_ordered(at[value])} {with_unit(value, unit) if unit == 'ns' else number(value)}"
        half = text_width(words, SMALL) / 2
        centre = min(max(x_of(value), half), WIDTH - half)
        for line, taken in enumerate(rows):
            if all(centre + half + 4 < start or centre - half - 4 > end for start, end in taken):
                taken.append((centre - half, centre + half))
                marks.append(tag("text", words, x=centre, y=y + 15 + 12 * line, class_="tick"))
                break  # where there is no room, the tooltip and the table still have it
    return marks


def _ordered(labels: list[str]) -> str:
    """min, p50: min–p50."""
    order = ("min", "p50", "p90", "p99", "p99.9", "max")
    labels = sorted(labels, key=order.index)
    return labels[0] if len(labels) == 1 else f"{labels[0]}–{labels[-1]}"
