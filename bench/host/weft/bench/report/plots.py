# SPDX-License-Identifier: Apache-2.0
"""The report's pictures, as inline SVG whose colours come from the style sheet.

- comparison(): horizontal bars on a linear scale from zero, ours first, each with its value;
- distribution(): a histogram on a logarithmic axis with the percentiles marked below it;
- matrix(): CPU by CPU heat map with the values in the cells.

Every picture has a role, a title for screen readers and a tooltip per mark, and none needs a script.
"""

from __future__ import annotations

import itertools
import math

from weft.bench.report.markup import Markup, join, tag
from weft.bench.report.text import amount, number, with_unit

BINS = 44
FEW_VALUES = 12  # so few are drawn one by one
WIDTH = 460
PERCENTILES = (
    ("min", "min"),
    ("p50", "p50"),
    ("p90", "p90"),
    ("p99", "p99"),
    ("p999", "p99.9"),
    ("max", "max"),
)


def comparison(bars: list[tuple[str, str, int, bool]], title: str) -> Markup:
    """Bars of (system, operation, value, ours)."""
    row, left, right = 34, 0, 76
    width, height = WIDTH, row * len(bars) + 2
    scale = (width - left - right) / max(value for _, _, value, _ in bars)
    marks = []
    for index, (system, operation, value, ours) in enumerate(bars):
        y = index * row
        length = max(2.0, value * scale)
        label = [
            tag("tspan", system, class_="strong" if ours else None),
            tag("tspan", f"  {operation}", class_="muted"),
        ]
        marks += [
            tag("text", label, x=left, y=y + 12, class_="label"),
            tag(
                "rect",
                [tag("title", f"{system}: {operation}: {number(value)} instructions")],
                x=left,
                y=y + 17,
                width=length,
                height=9,
                rx=2,
                class_="bar ours" if ours else "bar",
            ),
            tag(
                "text",
                number(value),
                x=left + length + 6,
                y=y + 25.5,
                class_="value strong" if ours else "value",
            ),
        ]
    return _svg(width, height, title, marks)


def distribution(figure: dict, unit: str, title: str) -> Markup:
    """The histogram of one figure (as in details.json, values in `unit`)."""
    height, top, base, left, right = 172, 10, 112, 8, 8
    low, high = _limits(figure)
    span = math.log(high) - math.log(low)

    def x_of(value: float) -> float:
        share = (math.log(max(value, low)) - math.log(low)) / span
        return left + share * (WIDTH - left - right)

    marks = [
        tag("line", x1=x_of(tick), y1=top, x2=x_of(tick), y2=base, class_="grid")
        for tick in _ticks(low, high)
    ]
    marks += _histogram_bars(figure, unit, x_of, top, base)
    marks.append(tag("line", x1=left, y1=base, x2=WIDTH - right, y2=base, class_="axis"))
    marks += _axis_labels(_ticks(low, high), unit, x_of, base + 14)
    marks += _percentile_strip(figure, unit, x_of, base + 32)
    return _svg(WIDTH, height, title, marks)


def _axis_labels(ticks: list[int], unit: str, x_of, y: float) -> list[Markup]:
    """Numbers below the axis, as many as fit; the last one says the unit."""
    marks: list[Markup] = []
    edge = WIDTH + 0.0
    for index, tick in enumerate(reversed(ticks)):
        label = with_unit(tick, unit) if unit == "ns" or index == 0 else number(tick)
        half = len(label) * 2.9
        x = min(max(x_of(tick), half + 1), WIDTH - half - 1)
        if x + half < edge:
            marks.append(tag("text", label, x=x, y=y, class_="tick"))
            edge = x - half - 8
    return marks


def _limits(figure: dict) -> tuple[float, float]:
    """The ends of the axis: a little room around min and max, and never an empty axis."""
    low, high = max(figure["min"], 1), max(figure["max"], 1)
    if high / low < 1.6:
        middle = math.sqrt(low * high)
        return middle / 1.3, middle * 1.3
    return low / 1.05, high * 1.05


def _histogram_bars(figure: dict, unit: str, x_of, top: float, base: float) -> list[Markup]:
    buckets = figure["histogram"] or [[figure["p50"], figure["n"]]]
    if len(buckets) <= FEW_VALUES:
        values = [(min(max(low, figure["min"]), figure["max"]), count) for low, count in buckets]
        spans = [(x_of(value) - 3.5, 7.0, value, count) for value, count in values]
    else:
        spans = [
            (x_of(start), max(2.0, x_of(end) - x_of(start) - 1), round(math.sqrt(start * end)), count)
            for start, end, count in _rebin(buckets, _limits(figure))
        ]
    tallest = max(count for _, _, _, count in spans)
    bars = []
    for x, width, value, count in spans:
        height = max(1.0, (base - top) * count / tallest)
        words = f"about {with_unit(value, unit)}: {number(count)} of {number(figure['n'])}"
        bars.append(
            tag(
                "rect",
                [tag("title", words)],
                x=x,
                y=base - height,
                width=width,
                height=height,
                class_="histogram",
            )
        )
    return bars


def _rebin(buckets: list[list[int]], limits: tuple[float, float]) -> list[tuple[float, float, int]]:
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


def _ticks(low: float, high: float) -> list[int]:
    """Round values inside the axis: 1-2-5 steps, as few as are legible."""
    candidates = [int(mantissa * 10**exponent) for exponent in range(13) for mantissa in (1, 2, 5)]
    for wanted in ((1, 2, 5), (1, 3), (1,)):
        ticks = [value for value in candidates if low < value < high and int(str(value)[0]) in wanted]
        if len(ticks) <= 6:
            break
    return ticks if len(ticks) > 1 else _linear_ticks(low, high)


def _linear_ticks(low: float, high: float) -> list[int]:
    step = 10 ** math.floor(math.log10((high - low) / 2)) if high - low > 2 else 1
    while (high - low) / step > 6:
        step *= 2 if str(int(step))[0] in "15" else 2.5
    step = max(1, int(step))
    first = math.ceil(low / step) * step
    return [value for value in range(first, math.floor(high) + 1, step)]


def _percentile_strip(figure: dict, unit: str, x_of, y: float) -> list[Markup]:
    """A dot per percentile; labels below, moved apart so that none covers another."""
    marks = [tag("line", x1=x_of(figure["min"]), y1=y, x2=x_of(figure["max"]), y2=y, class_="strip")]
    groups: list[tuple[float, list[str], int]] = []
    for key, label in PERCENTILES:
        x = x_of(figure[key])
        marks.append(
            tag(
                "circle",
                [tag("title", f"{label}: {with_unit(figure[key], unit)}")],
                cx=x,
                cy=y,
                r=3.5,
                class_="dot main" if key == "p50" else "dot",
            )
        )
        if groups and x - groups[-1][0] < 1.0:
            groups[-1][1].append(label)
        else:
            groups.append((x, [label], figure[key]))
    last_end = [-1e9, -1e9]
    for x, labels, value in groups:
        text = f"{_span(labels)} {with_unit(value, unit) if unit == 'ns' else number(value)}"
        half = len(text) * 2.9
        center = min(max(x, half + 2), WIDTH - half - 2)
        line = 0 if center - half > last_end[0] else 1
        if center - half <= last_end[line]:
            continue  # the tooltip and the table still have it
        last_end[line] = center + half + 4
        marks.append(tag("text", text, x=center, y=y + 15 + 11 * line, class_="tick"))
    return marks


def _span(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]}–{labels[-1]}"


def waterfall(stages: list[tuple[str, str, int]], unit: str, title: str) -> Markup:
    """(name, side, duration) one below the other, each beginning where the one before ended."""
    row, left, right = 21, 62, 60
    total = max(1, sum(duration for _, _, duration in stages))
    scale = (WIDTH - left - right) / total
    marks: list[Markup] = []
    x = float(left)
    for index, (name, side, duration) in enumerate(stages):
        y = index * row + 3
        length = max(1.5, duration * scale)
        marks += [
            tag("text", name, x=0, y=y + 11),
            tag("line", x1=x, y1=y - 3, x2=x, y2=y + 14, class_="grid"),
            tag(
                "rect",
                [tag("title", f"{name}: {with_unit(duration, unit)}")],
                x=x,
                y=y,
                width=length,
                height=13,
                rx=2,
                class_=f"stage {side}",
            ),
            tag("text", _bare(duration, unit, total), x=x + length + 6, y=y + 11, class_="value"),
        ]
        x += duration * scale
    return _svg(WIDTH, row * max(1, len(stages)) + 4, title, marks)


def _bare(value: int, unit: str, like: int) -> str:
    """A value without its unit, where a heading says it; like the others in the picture."""
    return amount(value, unit, like=like)[0]


def matrix(cells: dict[tuple[int, int], int], cpus: int, unit: str, title: str) -> Markup:
    """p50 from each CPU (row) to each CPU (column)."""
    size = max(14, min(64, 420 // cpus))
    left, top = 58, 40
    between = [value for (row, column), value in cells.items() if row != column]
    low, high = min(between), max(between)
    marks = [
        tag("text", "server on CPU", x=left + cpus * size / 2, y=12, class_="tick"),
        tag(
            "text",
            "client on CPU",
            x=12,
            y=top + cpus * size / 2,
            class_="tick",
            transform=f"rotate(-90 12 {top + cpus * size // 2})",
        ),
    ]
    every = 1 if cpus <= 24 else 8
    for cpu in range(0, cpus, every):
        middle = cpu * size + size / 2
        marks.append(tag("text", str(cpu), x=left + middle, y=top - 8, class_="tick"))
        marks.append(tag("text", str(cpu), x=left - 14, y=top + middle + 4, class_="tick"))
    for row in range(cpus):
        for column in range(cpus):
            marks += _cell(
                cells.get((row, column)),
                row,
                column,
                left + column * size,
                top + row * size,
                size,
                low,
                high,
                unit,
            )
    return _svg(left + cpus * size + 4, top + cpus * size + 4, title, marks)


def _cell(
    value: int | None, row: int, column: int, x: float, y: float, size: int, low: int, high: int, unit: str
) -> list[Markup]:
    if value is None:
        return [tag("rect", x=x + 1, y=y + 1, width=size - 2, height=size - 2, rx=3, class_="cell none")]
    if row == column:
        strength = 0.12  # another kind of thing: not on the scale of the others
    else:
        # Differences of a few percent shall not look like day and night.
        strength = 0.18 + 0.72 * (value - low) / max(high - low, low / 4, 1)
    text = f"CPU {row} to CPU {column}: {with_unit(value, unit)}"
    marks = [
        tag(
            "rect",
            [tag("title", text)],
            x=x + 1,
            y=y + 1,
            width=size - 2,
            height=size - 2,
            rx=3,
            class_="cell same" if row == column else "cell",
            fill_opacity=strength,
        )
    ]
    if size >= 40:
        shown = _bare(value, unit, high)
        marks.append(
            tag(
                "text",
                shown,
                x=x + size / 2,
                y=y + size / 2 + 4,
                class_="cell-text bright" if strength > 0.5 else "cell-text",
            )
        )
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


def _svg(width: float, height: float, title: str, marks: list[Markup]) -> Markup:
    return tag(
        "svg",
        [tag("title", title), join(marks)],
        viewbox=f"0 0 {width:g} {height:g}",
        role="img",
        class_="plot",
        style=f"max-width:{width:g}px",
    )
