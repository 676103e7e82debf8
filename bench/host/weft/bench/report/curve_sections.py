# SPDX-License-Identifier: Apache-2.0
"""The report's sections on grids: curves over CPUs and other parameters, tables of variants."""

from __future__ import annotations

from weft.bench.report import plots, text
from weft.bench.report.curves import Curve, flat, over_cpus, over_parameters
from weft.bench.report.markup import Markup, escape, join, tag
from weft.bench.report.sections import MOST, panel, panels
from weft.bench.report.tables import folding, plain
from weft.bench.report.view import DESIGNS, Entry, View, plural

ICOUNT = (
    " In icount mode CPUs take turns and a figure is the work of all of them, not the length of the critical path."
)


def scaling(view: View) -> Markup:
    """Figures over the number of CPUs."""
    words = "The median over the number of CPUs of the machine."
    words += ICOUNT if "icount" in view.modes else ""
    return _curves(view, over_cpus(view), words, [same for same in flat(view) if len({entry.cpus for entry in same}) > 1])


def parameters(view: View) -> Markup:
    """Figures over other parameters, and those of variants beside each other."""
    words = "The median over a benchmark's own parameters and the suite's."
    same = [same for same in flat(view) if len({entry.cpus for entry in same}) == 1]
    return join([_curves(view, over_parameters(view), words, same), variants(view)])


def everywhere(view: View, same: list[Entry]) -> str:
    """What is to be said of figures that do not depend on anything."""
    first = same[0]
    cpus = sorted({entry.cpus for entry in same})
    machines = f", {cpus[0]} to {cpus[-1]} CPUs" if len(cpus) > 1 else ""
    value = text.with_unit(first.p50, first.unit)
    return f"{view.title(first.name)}, {first.mode}: {value} at every one of {len(same)} points{machines}."


def _curves(view: View, curves: list[Curve], lead: str, same: list[list[Entry]]) -> Markup:
    if not curves and not same:
        return Markup("")
    lines = [tag("p", lead, class_="lead"), *(tag("p", everywhere(view, entries), class_="lead") for entries in same)]
    found: dict[str, list[Markup]] = {}
    for curve in curves:
        title = f"{curve.title}, {curve.entry.mode}"
        axis = "CPUs" if curve.axis == "cpus" else curve.axis
        picture = plots.lines(list(curve.series), curve.entry.unit, axis, f"{title}, over {axis}")
        found.setdefault(view.group_title(view.group(curve.entry)), []).append(panel(title, said(curve), picture))
    return join([*lines, *([panels(found, MOST)] if found else [])])


def said(curve: Curve) -> str:
    """The ends of each line, in words; of many lines, the lowest at the end of the axis."""
    axis = "CPUs" if curve.axis == "cpus" else curve.axis
    if len(curve.series) <= 3:
        words = [": ".join(filter(None, (one.name, _course(one, curve.entry.unit)))) for one in curve.series]
        ends = (curve.series[0].points[0].x, curve.series[0].points[-1].x)
        return f"From {ends[0]:,} to {ends[1]:,} {axis}: {'; '.join(words)}"
    furthest = max(point.x for one in curve.series for point in one.points)
    ends_there = [one for one in curve.series if one.points[-1].x == furthest]
    least = min(ends_there, key=lambda one: one.points[-1].value)
    return f"Lowest at {furthest:,} {axis}: {least.name} with {text.with_unit(least.points[-1].value, curve.entry.unit)}"


def _course(one: plots.Series, unit: str) -> str:
    """From its first point to its last, and what it comes by."""
    values = [point.value for point in one.points]
    first, last, highest = values[0], values[-1], max(values)
    if len(set(values)) == 1:
        return f"{text.with_unit(first, unit)} throughout"
    growth = f" ({_growth(last / first)})" if first and first != last else ""
    peak = f", at most {text.with_unit(highest, unit)}" if highest > max(first, last) else ""
    return f"{text.with_unit(first, unit)} to {text.with_unit(last, unit)}{growth}{peak}"


def _growth(ratio: float) -> str:
    """From one end to the other."""
    if not 0.5 < ratio < 2:
        return f"{text.factor(ratio)}×" if ratio >= 2 else f"÷{text.factor(1 / ratio)}" if ratio else "to nothing"
    digits = 0 if abs(ratio - 1) >= 0.01 else 1
    return f"{ratio - 1:+.{digits}%}".replace("-", "−")


# ---- variants ------------------------------------------------------------------------------------


def variant_tables(view: View) -> list[tuple[str, list[str], list[list[str]]]]:
    """For each mode and number of CPUs with at least two variants: title, variants, rows of medians."""
    points: dict[tuple[str, str, int, str], list[Entry]] = {}
    for entry in view.rows:
        if entry.design:
            points.setdefault((entry.part, entry.mode, entry.cpus, entry.unit), []).append(entry)
    tables = []
    for (part, mode, cpus, unit), entries in points.items():
        names = list(dict.fromkeys(entry.design for entry in entries))
        if len(names) < 2:
            continue
        rows: dict[str, dict[str, Entry]] = {}
        for entry in entries:
            told = [f"{key}={value}" for key, value in view.told_apart(entry).items() if key not in DESIGNS]
            label = " ".join([entry.name, *told])
            rows.setdefault(label, {}).setdefault(entry.design, entry)
        cells = [[label, *_beside(found, names)] for label, found in rows.items()]
        suite = f"{view.parts.get(part, part)}: " if len(view.parts) > 1 else ""
        tables.append((f"{suite}{mode}, {plural(cpus, 'CPU')}, medians in {unit}", names, cells))
    return tables


def _beside(found: dict[str, Entry], names: list[str]) -> list[str]:
    """Medians, and how much they are above the first one."""
    base = found[names[0]].p50 if names[0] in found else 0
    cells = []
    for name in names:
        if name not in found:
            cells.append("–")
        elif name == names[0] or not base:
            cells.append(text.number(found[name].p50))
        else:
            cells.append(f"{text.number(found[name].p50)} {found[name].p50 / base - 1:+.0%}")
    return cells


def variants(view: View) -> Markup:
    """The variants of a suite beside each other."""
    tables = variant_tables(view)
    if not tables:
        return Markup("")
    words = "The same benchmarks under each variant of the suite; behind a figure, the difference from the first."
    parts = [tag("h3", "Variants"), tag("p", words, class_="lead")]
    for title, names, rows in tables:
        heads = [("benchmark", False), *((name, True) for name in names)]
        cells = [[row[0], *map(_cell, row[1:])] for row in rows]
        parts.append(folding(title, plural(len(rows), "row"), len(rows), plain(heads, cells)))
    return join(parts)


def _cell(words: str) -> Markup:
    """The difference below the figure."""
    figure, _, difference = words.partition(" ")
    return join([escape(figure), *([tag("small", difference)] if difference else [])])
