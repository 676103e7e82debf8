# SPDX-License-Identifier: Apache-2.0
"""The report's sections behind the tables: comparison, distributions, matrix, meaning, files.

Each takes the `View` and gives markup, or nothing when its data are not there (no matrix with one
CPU, no capture without tracing): a report never shows an empty frame.
"""

from __future__ import annotations

from typing import Any

from weft.bench.report import plots, text
from weft.bench.report.markup import Markup, escape, join, prose, tag
from weft.bench.report.view import View, display_unit, plural
from weft.bench.stages import STAGES

COMPARED = (
    "ipc.call.same_core",
    "ipc.call.cross_core",
    "ipc.notify.same_core",
    "ipc.notify.cross_core",
    "thread.switch",
    "syscall.null",
)


# ---- comparison ----------------------------------------------------------------------------------


def comparison(view: View) -> Markup:
    if view.run("icount") is None:
        return Markup("")
    panels = [_comparison_panel(view, name) for name in COMPARED if name in view.names()]
    panels = [panel for panel in panels if panel]
    if not panels:
        return Markup("")
    lead = (
        "Guest instructions, fewer is better; every scale starts at zero. "
        + view.catalogue.sources["icount"].text
    )
    parts = [tag("p", lead, class_="lead")]
    if view.details["trace"]:
        parts.append(
            tag(
                "p",
                "Weft's figures here include recording its trace: the kernel was built with tracing, switched "
                "on. The others ran without any. weft bench --no-trace measures Weft without it as well.",
                class_="note",
            )
        )
    parts.append(tag("div", panels, class_="panels"))
    parts.append(_natives(view))
    return join(parts)


def _comparison_panel(view: View, name: str) -> Markup:
    result = view.result("icount", name)
    benchmark = view.benchmark(name)
    if result is None or benchmark is None or not benchmark.peers:
        return Markup("")
    peers = [view.catalogue.peers[key] for key in benchmark.peers]
    bars = [("Weft", benchmark.short, result["p50"], True)]
    bars += [(peer.system, peer.operation, peer.value, False) for peer in peers]
    scope = f"{benchmark.shape}, {benchmark.scope} counted"
    return tag(
        "div",
        [tag("h3", benchmark.title), tag("p", scope), plots.comparison(bars, benchmark.title)],
        class_="panel",
    )


def _natives(view: View) -> Markup:
    if not view.catalogue.natives:
        return Markup("")
    rows = [
        tag(
            "tr",
            [
                tag("td", native.system),
                tag("td", native.operation),
                tag("td", native.value, class_="num"),
                tag("td", view.catalogue.sources[native.source].text, class_="peer"),
            ],
        )
        for native in view.catalogue.natives
    ]
    heads = [
        tag("th", "system"),
        tag("th", "operation"),
        tag("th", "published", class_="num"),
        tag("th", "where"),
    ]
    return join(
        [
            tag("h3", "For scale: published figures from real machines"),
            tag(
                "p",
                "Cycles and nanoseconds of real processors. They cannot be compared with the instruction counts or the "
                "emulated times of this page.",
                class_="lead",
            ),
            tag(
                "div", [tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])], class_="scroll"
            ),
        ]
    )


# ---- distributions -------------------------------------------------------------------------------


def distributions(view: View) -> Markup:
    panels = [
        _distribution_panel(view, mode, name, figure)
        for name in view.rows()
        for mode in view.modes
        if (figure := view.figure(mode, name))
    ]
    lead = (
        "Each bar is the number of samples around that value, on a logarithmic axis. The circles below are the "
        "percentiles; the filled one is the median. Point at a mark for its value."
    )
    return join([tag("p", lead, class_="lead"), tag("div", panels, class_="panels")])


def _distribution_panel(view: View, mode: str, name: str, figure: dict[str, Any]) -> Markup:
    unit = display_unit(mode)
    about = f"{plural(figure['n'], 'sample')}, p50 {text.with_unit(figure['p50'], unit)}"
    if figure["repetitions"] > 1 and mode != "icount":
        about += (
            f"; p50 of {figure['repetitions']} repetitions: {text.with_unit(_to_unit(view, mode, figure['p50_low']), unit)}"
            f" to {text.with_unit(_to_unit(view, mode, figure['p50_high']), unit)}"
        )
    title = f"{view.title(name)}, {mode}"
    if figure["min"] == figure["max"]:
        value, name_of_unit = text.amount(figure["p50"], unit)
        picture = tag("div", [tag("b", value), escape(f" {name_of_unit}, every time")], class_="constant")
    else:
        picture = plots.distribution(figure, unit, title)
    return tag("div", [tag("h3", title), tag("p", about), picture], class_="panel")


def _to_unit(view: View, mode: str, cycles: int) -> int:
    hertz = view.detail(mode).get("clock_hz")
    return cycles if mode == "icount" or not hertz else (cycles * 1_000_000_000 + hertz // 2) // hertz


# ---- stages --------------------------------------------------------------------------------------


def stages(view: View) -> Markup:
    """The course of a round trip, from the capture of the same run."""
    panels = []
    for name in view.rows():
        for mode in view.modes:
            found = view.detail(mode).get("stages", {}).get(name)
            if found:
                panels.append(_stages_panel(view, mode, name, found))
    if not panels:
        return Markup("")
    lead = (
        "The medians of a call's stages one after the other, as the trace of the same run shows them. Blue is "
        "work on the client's side, orange the way between them, green the server's side. Stages that take no "
        "time are left out; medians need not add up to the median of the whole."
    )
    meaning = tag(
        "dl",
        [
            piece
            for stage, (side, words) in STAGES.items()
            for piece in (tag("dt", [tag("span", "", class_=f"key {side}"), escape(stage)]), tag("dd", words))
        ],
        class_="stages",
    )
    return join([tag("p", lead, class_="lead"), tag("div", panels, class_="panels"), meaning])


def _stages_panel(view: View, mode: str, name: str, found: dict[str, Any]) -> Markup:
    unit = "instructions" if mode == "icount" else "ns"
    rows = [(stage, side, found["stages"][stage]["p50"]) for stage, (side, _) in STAGES.items()]
    total = sum(duration for _, _, duration in rows)
    title = f"{view.title(name)}, {mode}"
    about = (
        f"{plural(found['messages'], 'message')} in the trace; from call to resumption "
        f"{text.with_unit(found['round_trip']['p50'], unit)}; stages in {text.amount(total, unit)[1]}"
    )
    rows = [row for row in rows if row[2] > 0]
    return tag("div", [tag("h3", title), tag("p", about), plots.waterfall(rows, unit, title)], class_="panel")


# ---- matrix --------------------------------------------------------------------------------------


def matrix(view: View) -> Markup:
    panels = []
    for mode in view.modes:
        for name, cells in view.pairs(mode).items():
            between = [value for (client, server), value in cells.items() if client != server]
            cpus = max(max(pair) for pair in cells) + 1
            unit = display_unit(mode)
            title = f"{view.title(name)}, {mode}"
            lowest, highest = min(between), max(between)
            span = text.with_unit(lowest, unit)
            if highest > lowest:
                span += f" to {text.with_unit(highest, unit)}"
            about = f"p50 between two CPUs: {span}; cells in {text.amount(highest, unit)[1]}"
            panels.append(
                tag(
                    "div",
                    [tag("h3", title), tag("p", about), plots.matrix(cells, cpus, unit, title)],
                    class_="panel",
                )
            )
    if not panels:
        return Markup("")
    lead = (
        "The median for every client and server CPU; darker is slower, on the diagonal both are on one CPU. An "
        "emulated machine has no topology: all pairs should look alike, and where they do not, the host's "
        "scheduler shows."
    )
    return join([tag("p", lead, class_="lead"), tag("div", panels, class_="panels")])


# ---- meaning -------------------------------------------------------------------------------------


def meaning(view: View) -> Markup:
    modes = []
    for mode in view.modes:
        title, tells, limits = text.MODES[mode]
        modes.append(_explained(title, "", [("Tells", tells), ("Does not tell", limits)]))
    figures = []
    for name in view.names():
        if benchmark := view.benchmark(name):
            figures.append(
                _explained(
                    benchmark.title,
                    name,
                    [
                        ("Question", benchmark.question),
                        (f"Timed: {benchmark.shape}", benchmark.timed),
                        ("Not in it", benchmark.excludes),
                    ],
                )
            )
    return join(
        [
            tag("div", modes, class_="means"),
            tag("h3", "Benchmark by benchmark"),
            tag("div", figures, class_="means"),
        ]
    )


def _explained(title: str, name: str, items: list[tuple[str, str]]) -> Markup:
    definitions = [piece for term, words in items for piece in (tag("dt", term), tag("dd", [prose(words)]))]
    head = [tag("h3", title)] + ([tag("div", name, class_="name")] if name else [])
    return tag("div", [*head, tag("dl", definitions)], class_="card")


# ---- timeline and environment --------------------------------------------------------------------


def timeline(view: View) -> Markup:
    rows = []
    directory = view.details.get("directory", "")
    directory += "/" if directory else ""
    for detail in view.details["runs"]:
        if detail.get("capture"):
            timeline = detail["capture"].replace(".weft", ".pftrace")
            rows.append(
                tag(
                    "tr",
                    [
                        tag("td", detail["accel"]),
                        tag("td", [tag("a", timeline, href=timeline)]),
                        tag("td", [tag("a", detail["capture"], href=detail["capture"])]),
                        tag("td", [tag("code", f"./weft view {directory}{timeline}")]),
                    ],
                )
            )
    if not rows:
        return Markup("")
    heads = [tag("th", name) for name in ("run", "timeline for Perfetto", "capture", "open it with")]
    lead = (
        "Every thread switch, message, wake-up and interrupt of the run. Select a message's slice to follow its "
        "arrow to the other CPU."
    )
    return join(
        [
            tag("p", lead, class_="lead"),
            tag(
                "div", [tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])], class_="scroll"
            ),
        ]
    )


def environment(view: View) -> Markup:
    first = view.results["runs"][0]
    facts = {
        "commit": first["commit"],
        "suite": view.details["suite"],
        "architecture": first["arch"],
        "guest CPUs": str(first["cpus"]),
        "CPU model": first["cpu_model"],
        "kernel": first["profile"],
        "kernel command line": view.details.get("command_line", ""),
        "QEMU": first["qemu"],
        **view.details.get("environment", {}),
    }
    rows = [tag("tr", [tag("td", key), tag("td", value)]) for key, value in facts.items()]
    parts = [
        tag("pre", [tag("code", view.details.get("invocation", "./weft bench"))]),
        tag("div", [tag("table", [tag("tbody", rows)], class_="plain")], class_="scroll"),
    ]
    for detail in view.details["runs"]:
        seconds = ", ".join(f"{value} s" for value in detail["seconds"])
        files = [tag("a", name, href=name) for name in detail["console"]]
        parts += [
            tag("h3", f"QEMU command, {detail['accel']} ({seconds})"),
            tag("pre", [tag("code", detail["command"])]),
            tag("p", [escape("Console: "), join(files, ", ")]),
        ]
    return join(parts)
