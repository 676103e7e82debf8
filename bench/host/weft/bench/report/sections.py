# SPDX-License-Identifier: Apache-2.0
"""The report's sections with pictures of single figures: distributions, stages of calls, core by core.

Each takes the `View` and gives markup, or nothing when its data are not there (no matrix with one
CPU, no capture without tracing): a report never shows an empty frame.
"""

from __future__ import annotations

from typing import Any

from weft.bench.report import plots, text
from weft.bench.report.markup import Markup, escape, join, tag
from weft.bench.report.places import CALLS, link
from weft.bench.report.tables import plain
from weft.bench.report.view import Entry, View, plural
from weft.bench.stages import STAGES

OPEN = 12  # panels of single figures; where there are more, they are folded by group
MOST = 48  # of those that compare
FIRST = ("ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.cross_core")  # are not folded


def panel(title: str, about: Markup | str, picture: Markup, links: list[Markup] | None = None) -> Markup:
    """A picture with its title, a sentence about it and the ways to its timeline."""
    lines = [escape(about), *(links or [])]
    return tag("div", [tag("h4", title), tag("p", [join(lines, " · ")]), picture], class_="panel")


def panels(found: dict[str, list[Markup]], unfolded: int) -> Markup:
    """By heading; folded where there are many."""
    if sum(map(len, found.values())) <= unfolded:
        return tag("div", [one for group in found.values() for one in group], class_="panels")
    return join(
        tag("details", [tag("summary", [tag("b", title), escape(f": {plural(len(group), 'picture')}")]),
                        tag("div", group, class_="panels")])
        for title, group in found.items()
    )  # fmt: skip


# ---- distributions -------------------------------------------------------------------------------


def distributions(view: View) -> Markup:
    """A histogram of each figure that is not one number; of many, the first of each mode are not folded."""
    found: dict[str, list[Markup]] = {}
    constant = [entry for entry in view.rows if entry.constant]
    drawn = [entry for entry in view.rows if not entry.constant]
    first = {(name, mode): view.first(mode, name) for name in FIRST for mode in view.modes} if len(drawn) > OPEN else {}
    shown = [_distribution(view, entry) for entry in first.values() if entry and not entry.constant]
    for entry in drawn:
        if first.get((entry.name, entry.mode)) is not entry:
            found.setdefault(view.group_title(view.group(entry)), []).append(_distribution(view, entry))
    lead = (
        "Each bar is the number of samples around that value, on a logarithmic axis. The circles below are the "
        "percentiles; the filled one is the median. Point at a mark for its value."
    )
    parts = [tag("p", lead, class_="lead")] if found else []
    if constant:
        which = "is one figure" if len(constant) == 1 else f"are {len(constant)} figures"
        names = ", ".join(dict.fromkeys(f"{entry.name} ({entry.mode})" for entry in constant))
        words = f"Not drawn {which} of which every sample was the same: {names}."
        parts.append(tag("p", words, class_="lead"))
    parts += [tag("div", shown, class_="panels")] if shown else []
    return join([*parts, panels(found, OPEN if not shown else 0)] if found else parts)


def _distribution(view: View, entry: Entry) -> Markup:
    about = f"{plural(entry.n, 'sample')}, p50 {text.with_unit(entry.p50, entry.unit)}"
    if entry.repetitions > 1 and entry.mode != "icount":
        about += (
            f"; p50 of {entry.repetitions} boots: {text.with_unit(entry.low, entry.unit)}"
            f" to {text.with_unit(entry.high, entry.unit)}"
        )
    title = view.full_title(entry)
    picture = plots.distribution(entry.values, entry.histogram, entry.unit, title)
    return panel(title, about, picture, _links(view, entry))


def _links(view: View, entry: Entry, calls: bool = False) -> list[Markup]:
    found = [link(view, entry.place, "timeline")] if entry.place else []
    return found + [link(view, entry.calls[key], CALLS[key]) for key in CALLS if calls and key in entry.calls]


# ---- stages --------------------------------------------------------------------------------------


def courses(view: View) -> list[tuple[Entry, dict[str, Any]]]:
    """The calls of which the capture shows more than one stage, with what it says. A call to a server on the
    same CPU has only one: the server runs at once."""
    found = []
    for index, detail in enumerate(view.details["runs"]):
        for name, stages in (detail.get("stages") or {}).items():
            entry = next((one for one in view.rows if (one.name, one.run) == (name, index) and one.place), None)
            if entry and len(stage_rows(stages)) > 1:
                found.append((entry, stages))
    return found


def stages(view: View) -> Markup:
    """The course of a round trip, from the capture of the same run."""
    found = courses(view)
    if not found:
        return Markup("")
    lead = (
        "The medians of a call's stages, one after the other, as the trace of the same run shows them: work on the "
        "client's side, the way between the CPUs, work on the server's side. Medians need not add up to the median "
        "of the whole; where they do not, the panel says both."
    )
    keys = (("client", "client's side"), ("crossing", "on the way"), ("server", "server's side"))
    legend = [tag("span", [tag("span", "", class_=f"key {side}"), escape(words)]) for side, words in keys]
    first = [pair for pair in found if pair[0].name in FIRST] or found[:OPEN]
    others = {"Other calls": [_course(view, entry, stages) for entry, stages in found if (entry, stages) not in first]}
    return join(
        [
            tag("p", lead, class_="lead"),
            tag("p", legend, class_="legend"),
            tag("div", [_course(view, entry, stages) for entry, stages in first], class_="panels"),
            *(_stage_table(view, entry, stages) for entry, stages in first),
            panels(others, 0) if others["Other calls"] else Markup(""),
        ]
    )


def stage_rows(found: dict[str, Any]) -> list[tuple[str, str, dict[str, int]]]:
    """Name, side and statistics of the stages that take any time."""
    return [
        (stage, side, found["stages"][stage]) for stage, (side, _) in STAGES.items() if found["stages"][stage]["max"] > 0
    ]


def _course(view: View, entry: Entry, found: dict[str, Any]) -> Markup:
    rows = [(stage, side, values["p50"]) for stage, side, values in stage_rows(found) if values["p50"] > 0]
    total, whole = sum(duration for _, _, duration in rows), found["round_trip"]["p50"]
    about = f"{plural(found['messages'], 'message')} in the trace, median {text.with_unit(whole, entry.unit)}"
    if total != whole:
        about += f"; the medians of the stages add up to {text.with_unit(total, entry.unit)}"
    about += f"; stages in {text.amount(total, entry.unit)[1]}"
    title = view.full_title(entry)
    return panel(title, about, plots.stages(rows, entry.unit, title), _links(view, entry, calls=True))


def _stage_table(view: View, entry: Entry, found: dict[str, Any]) -> Markup:
    heads = [("stage", False), ("from where to where", False), *((key, True) for key in ("p50", "p90", "p99", "max"))]
    rows: list[list[str | Markup]] = []
    for stage, side, values in stage_rows(found):
        name = join([tag("span", "", class_=f"key {side}"), escape(stage)])
        figures = [text.number(values[key]) for key in ("p50", "p90", "p99", "max")]
        rows.append([name, STAGES[stage][1], *figures])
    unit = "instructions" if entry.mode == "icount" else "ns"
    return join([tag("h4", f"Stage by stage: {view.full_title(entry)}, in {unit}"), plain(heads, rows)])


# ---- core by core --------------------------------------------------------------------------------


def matrices(view: View) -> list[tuple[Entry, dict[tuple[int, int], int]]]:
    """What was measured between all pairs of CPUs: the first figure, and p50 by (from, to)."""
    found: dict[tuple[Any, ...], tuple[Entry, dict[tuple[int, int], int]]] = {}
    for entry in view.entries:
        if entry.pair and view.catalogue.is_matrix(entry.name):
            key = (entry.name, entry.run, entry.design)
            found.setdefault(key, (entry, {}))[1].setdefault(entry.pair, entry.p50)
    return [(entry, cells) for entry, cells in found.values() if any(a != b for a, b in cells)]


def matrix(view: View) -> Markup:
    """The heat maps."""
    pictures = [_matrix(view, entry, cells) for entry, cells in matrices(view)]
    if not pictures:
        return Markup("")
    lead = (
        "The median for every client and server CPU; darker is slower, and on the diagonal both are on one CPU. "
        "These CPUs are emulated and have no topology of their own: where pairs differ, the kernel or, in a parallel "
        "mode, the host's scheduler makes the difference."
    )
    return join([tag("p", lead, class_="lead"), tag("div", pictures, class_="panels")])


def _matrix(view: View, entry: Entry, cells: dict[tuple[int, int], int]) -> Markup:
    between = [value for (client, server), value in cells.items() if client != server]
    cpus = max(max(pair) for pair in cells) + 1
    lowest, highest = min(between), max(between)
    span = text.with_unit(lowest, entry.unit)
    if highest > lowest:
        span += f" to {text.with_unit(highest, entry.unit)}"
    title = ", ".join(filter(None, (view.title(entry.name), entry.design, plural(entry.cpus, "CPU"), entry.mode)))
    about = f"between two CPUs: {span}; cells in {text.amount(highest, entry.unit)[1]}"
    return panel(title, about, plots.matrix(cells, cpus, entry.unit, title), _links(view, entry))
