# SPDX-License-Identifier: Apache-2.0
"""The report's sections and their order.

Each `_section_*` takes the `View` and gives markup, or nothing when its data are not there (no
matrix with one CPU, no capture without tracing): a report never shows an empty frame. The page ends
with what a reader needs to repeat the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.bench.catalogue import Benchmark, Catalogue
from weft.bench.records import STATISTICS
from weft.bench.report import plots, text
from weft.bench.report.markup import Markup, escape, join, prose, tag

HEADLINES = ("ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.cross_core", "trace.event.on")
COMPARED = ("ipc.call.same_core", "ipc.call.cross_core", "ipc.notify.same_core", "ipc.notify.cross_core",
            "thread.switch", "syscall.null")
HEADINGS = {"p999": "p99.9"}


@dataclass(frozen=True)
class View:
    """The data of one report with the questions that sections ask of it."""

    results: dict[str, Any]
    details: dict[str, Any]
    catalogue: Catalogue

    def run(self, mode: str) -> dict[str, Any] | None:
        """The run in a mode."""
        return next((run for run in self.results["runs"] if run["accel"] == mode), None)

    def result(self, mode: str, name: str, unit: str | None = None) -> dict[str, Any] | None:
        """A benchmark's result in a mode, the first if there are several."""
        run = self.run(mode)
        for result in run["results"] if run else ():
            if result["name"] == name and result["unit"] == (unit or display_unit(mode)):
                return result
        return None

    def detail(self, mode: str) -> dict[str, Any]:
        """The details of the run in a mode."""
        return next((run for run in self.details["runs"] if run["accel"] == mode), {})

    def figure(self, mode: str, name: str) -> dict[str, Any] | None:
        """A benchmark's distribution in the unit in which it is shown."""
        for figure in self.detail(mode).get("figures", ()):
            if figure["name"] == name:
                return self._in_display_unit(mode, figure)
        return None

    def pairs(self, mode: str) -> dict[str, dict[tuple[int, int], int]]:
        """For each name that was measured between CPUs: p50 by (from, to)."""
        names: dict[str, dict[tuple[int, int], int]] = {}
        for figure in self.detail(mode).get("figures", ()):
            if figure.get("pair"):
                pair = tuple(figure["pair"])
                names.setdefault(figure["name"], {})[pair] = self._in_display_unit(mode, figure)["p50"]
        return {name: cells for name, cells in names.items() if len(cells) > 1}

    def benchmark(self, name: str) -> Benchmark | None:
        """What the catalogue says."""
        return self.catalogue.benchmarks.get(name)

    def title(self, name: str) -> str:
        """A name for people."""
        benchmark = self.benchmark(name)
        return benchmark.title if benchmark else name

    def names(self) -> list[str]:
        """All benchmarks of this report, in the catalogue's order, unknown ones last."""
        there = {result["name"]: None for run in self.results["runs"] for result in run["results"]}
        known = [name for name in self.catalogue.benchmarks if name in there]
        return known + [name for name in there if name not in self.catalogue.benchmarks]

    @property
    def modes(self) -> list[str]:
        return [run["accel"] for run in self.results["runs"]]

    def _in_display_unit(self, mode: str, figure: dict[str, Any]) -> dict[str, Any]:
        if figure["unit"] != "cycles" or mode == "icount":
            return figure
        hertz = self.detail(mode)["clock_hz"]

        def convert(value: int) -> int:
            return (value * 1_000_000_000 + hertz // 2) // hertz

        histogram: dict[int, int] = {}
        for low, count in figure["histogram"]:
            histogram[convert(low)] = histogram.get(convert(low), 0) + count
        return {**figure, **{key: convert(figure[key]) for key in STATISTICS},
                "histogram": sorted([low, count] for low, count in histogram.items())}


def display_unit(mode: str) -> str:
    """The unit that cards and plots show in a mode."""
    return "instructions" if mode == "icount" else "ns"


def render(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> str:
    """The whole page."""
    view = View(results, details, catalogue)
    sections = [
        ("figures", "All figures", _section_figures(view)),
        ("comparison", "Beside other systems", _section_comparison(view)),
        ("distributions", "Distributions", _section_distributions(view)),
        ("matrix", "Core by core", _section_matrix(view)),
        ("meaning", "What the figures mean", _section_meaning(view)),
        ("timeline", "The timeline", _section_timeline(view)),
        ("environment", "How to repeat this", _section_environment(view)),
    ]
    sections = [section for section in sections if section[2]]
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    head = tag("head", [
        tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Weft benchmarks, {view.details['suite']}"), tag("style", Markup(style)),
    ])
    body = tag("body", [
        _masthead(view),
        tag("nav", [tag("a", title, href=f"#{key}") for key, title, _ in sections]),
        tag("main", [_cards(view), *(tag("section", [tag("h2", title), content], id=key)
                                     for key, title, content in sections)]),
        tag("footer", "Made by weft bench from results.json and details.json in the same directory. "
                      "This page loads nothing from anywhere."),
    ])
    return "<!doctype html>\n" + tag("html", [head, body], lang="en") + "\n"


def _masthead(view: View) -> Markup:
    first = view.results["runs"][0]
    facts = [view.details.get("date", ""), f"commit {short_commit(first['commit'])}", first["arch"],
             plural(first["cpus"], "CPU"), f"{first['profile']} kernel", f"QEMU {first['qemu']}"]
    heading = tag("div", [tag("h1", "Weft benchmark report"), tag("p", " · ".join(fact for fact in facts if fact))])
    return tag("header", [plots.logo(), heading], class_="top")


def short_commit(commit: str) -> str:
    """Ten digits are enough to find it; whether it was changed stays."""
    digits, dash, dirty = commit.partition("-")
    return digits[:10] + (dash + dirty if dash else "")


def plural(count: int, thing: str) -> str:
    """1 CPU, 4 CPUs."""
    return f"{count} {thing}" if count == 1 else f"{count:,} {thing}s"


# ---- summary -------------------------------------------------------------------------------------


def _cards(view: View) -> Markup:
    names = [name for name in HEADLINES if name in view.names()] or view.names()[:4]
    return tag("div", [_card(view, name) for name in names], class_="cards")


def _card(view: View, name: str) -> Markup:
    mode = view.modes[0]
    result = view.result(mode, name)
    if result is None:
        return Markup("")
    value, unit = text.amount(result["p50"], result["unit"])
    lines = [tag("div", view.title(name), class_="what"),
             tag("div", [escape(value + " "), tag("small", unit)], class_="big")]
    others = [f"{text.with_unit(other['p50'], other['unit'])} in {further}" for further in view.modes[1:]
              if (other := view.result(further, name))]
    benchmark = view.benchmark(name)
    shape = benchmark.shape if benchmark else ""
    lines.append(tag("div", ", ".join(filter(None, [f"p50, {shape}" if shape else "p50", *others])), class_="also"))
    peer = view.catalogue.peer_of(name, "Linux") if mode == "icount" else None
    if peer and (words := text.ratio(result["p50"], peer.value)):
        lines.append(tag("div", f"{words} than Linux ({peer.operation.split(',')[0]}: {text.number(peer.value)})",
                         class_="versus"))
    return tag("div", lines, class_="card")


# ---- tables --------------------------------------------------------------------------------------


def _section_figures(view: View) -> Markup:
    parts = []
    if not view.details["trace"]:
        parts.append(tag("p", "This kernel was built without tracing: there are no trace.event figures, and no timeline "
                              "was captured.", class_="note"))
    for run in view.results["runs"]:
        title, _, _ = text.MODES[run["accel"]]
        parts += [tag("h3", title), tag("div", [_table(view, run)], class_="scroll")]
    return join(parts)


def _table(view: View, run: dict[str, Any]) -> Markup:
    icount = run["accel"] == "icount"
    units = ["instructions"] if icount else ["ns"]
    systems = ["seL4", "seL4 SMP", "Linux"] if icount else []
    heads = [tag("th", "benchmark"), tag("th", "unit"), tag("th", "n", class_="num")]
    heads += [tag("th", HEADINGS.get(key, key), class_="num") for key in STATISTICS]
    heads += [tag("th", system, class_="num") for system in systems]
    if not icount:
        heads.append(tag("th", "p50 in cycles", class_="num"))
    rows = []
    for name in view.names():
        for unit in units:
            if (result := view.result(run["accel"], name, unit)) is not None:
                rows.append(_table_row(view, run["accel"], result, systems))
    return tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])


def _table_row(view: View, mode: str, result: dict[str, Any], systems: list[str]) -> Markup:
    benchmark = view.benchmark(result["name"])
    name = [escape(result["name"])] + ([tag("small", benchmark.short)] if benchmark else [])
    cells = [tag("th", name, scope="row"), tag("td", result["unit"]), tag("td", text.number(result["n"]), class_="num")]
    cells += [tag("td", text.number(result[key]), class_="num key" if key == "p50" else "num") for key in STATISTICS]
    for system in systems:
        peer = view.catalogue.peer_of(result["name"], system)
        cells.append(tag("td", text.number(peer.value) if peer else "–", class_="num peer",
                         title=peer.operation if peer else None))
    if mode != "icount":
        cycles = view.result(mode, result["name"], "cycles")
        cells.append(tag("td", text.number(cycles["p50"]) if cycles else "–", class_="num peer"))
    return tag("tr", cells)


# ---- comparison ----------------------------------------------------------------------------------


def _section_comparison(view: View) -> Markup:
    if view.run("icount") is None:
        return Markup("")
    panels = [_comparison_panel(view, name) for name in COMPARED if name in view.names()]
    panels = [panel for panel in panels if panel]
    if not panels:
        return Markup("")
    lead = "Guest instructions, fewer is better; every scale starts at zero. " + view.catalogue.sources["icount"].text
    parts = [tag("p", lead, class_="lead")]
    if view.details["trace"]:
        parts.append(tag("p", "Weft's figures here include recording its trace: the kernel was built with tracing, switched "
                              "on. The others ran without any. weft bench --no-trace measures Weft without it as well.",
                         class_="note"))
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
    return tag("div", [tag("h3", benchmark.title), tag("p", scope), plots.comparison(bars, benchmark.title)],
               class_="panel")


def _natives(view: View) -> Markup:
    if not view.catalogue.natives:
        return Markup("")
    rows = [tag("tr", [tag("td", native.system), tag("td", native.operation), tag("td", native.value, class_="num"),
                       tag("td", view.catalogue.sources[native.source].text, class_="peer")])
            for native in view.catalogue.natives]
    heads = [tag("th", "system"), tag("th", "operation"), tag("th", "published", class_="num"), tag("th", "where")]
    return join([
        tag("h3", "For scale: published figures from real machines"),
        tag("p", "Cycles and nanoseconds of real processors. They cannot be compared with the instruction counts or the "
                 "emulated times of this page.", class_="lead"),
        tag("div", [tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])], class_="scroll"),
    ])


# ---- distributions -------------------------------------------------------------------------------


def _section_distributions(view: View) -> Markup:
    panels, constants = [], []
    for name in view.names():
        for mode in view.modes:
            figure = view.figure(mode, name)
            if figure and figure["min"] == figure["max"]:
                constants.append((mode, name, figure))
            elif figure:
                panels.append(_distribution_panel(view, mode, name, figure))
    parts = []
    if panels:
        parts.append(tag("p", "Each bar is the number of samples around that value, on a logarithmic axis. The circles below "
                              "are the percentiles; the filled one is the median. Point at a mark for its value.", class_="lead"))
        parts.append(tag("div", panels, class_="panels"))
    if constants:
        parts.append(_constants(view, constants))
    return join(parts)


def _constants(view: View, constants: list[tuple[str, str, dict[str, Any]]]) -> Markup:
    """What has no distribution: every sample was the same."""
    rows = [tag("tr", [tag("td", view.title(name)), tag("td", mode), tag("td", text.number(figure["n"]), class_="num"),
                       tag("td", text.with_unit(figure["p50"], display_unit(mode)), class_="num key")])
            for mode, name, figure in constants]
    heads = [tag("th", "benchmark"), tag("th", "run"), tag("th", "samples", class_="num"), tag("th", "every one", class_="num")]
    return join([tag("h3", "Without any spread"),
                 tag("div", [tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)], class_="plain")],
                     class_="scroll narrow")])


def _distribution_panel(view: View, mode: str, name: str, figure: dict[str, Any]) -> Markup:
    unit = display_unit(mode)
    about = f"{plural(figure['n'], 'sample')}, p50 {text.with_unit(figure['p50'], unit)}"
    if figure["repetitions"] > 1 and mode != "icount":
        about += (f"; p50 of {figure['repetitions']} repetitions: {text.with_unit(_to_unit(view, mode, figure['p50_low']), unit)}"
                  f" to {text.with_unit(_to_unit(view, mode, figure['p50_high']), unit)}")
    title = f"{view.title(name)}, {mode}"
    return tag("div", [tag("h3", title), tag("p", about), plots.distribution(figure, unit, title)], class_="panel")


def _to_unit(view: View, mode: str, cycles: int) -> int:
    hertz = view.detail(mode).get("clock_hz")
    return cycles if mode == "icount" or not hertz else (cycles * 1_000_000_000 + hertz // 2) // hertz


# ---- matrix --------------------------------------------------------------------------------------


def _section_matrix(view: View) -> Markup:
    panels = []
    for mode in view.modes:
        for name, cells in view.pairs(mode).items():
            cpus = max(max(pair) for pair in cells) + 1
            unit = display_unit(mode)
            title = f"{view.title(name)}, {mode}"
            lowest, highest = min(cells.values()), max(cells.values())
            about = f"p50 between {text.with_unit(lowest, unit)} and {text.with_unit(highest, unit)}"
            panels.append(tag("div", [tag("h3", title), tag("p", about), plots.matrix(cells, cpus, unit, title)],
                              class_="panel"))
    if not panels:
        return Markup("")
    lead = ("The median between every two CPUs; darker is slower. An emulated machine has no topology: all pairs should "
            "look alike, and where they do not, the host's scheduler or the guest's placement shows.")
    return join([tag("p", lead, class_="lead"), tag("div", panels, class_="panels")])


# ---- meaning -------------------------------------------------------------------------------------


def _section_meaning(view: View) -> Markup:
    modes = []
    for mode in view.modes:
        title, tells, limits = text.MODES[mode]
        modes.append(_explained(title, "", [("Tells", tells), ("Does not tell", limits)]))
    figures = []
    for name in view.names():
        if benchmark := view.benchmark(name):
            figures.append(_explained(benchmark.title, name, [
                ("Question", benchmark.question), (f"Timed: {benchmark.shape}", benchmark.timed),
                ("Not in it", benchmark.excludes)]))
    return join([tag("div", modes, class_="means"), tag("h3", "Benchmark by benchmark"), tag("div", figures, class_="means")])


def _explained(title: str, name: str, items: list[tuple[str, str]]) -> Markup:
    definitions = [piece for term, words in items for piece in (tag("dt", term), tag("dd", [prose(words)]))]
    head = [tag("h3", title)] + ([tag("div", name, class_="name")] if name else [])
    return tag("div", [*head, tag("dl", definitions)], class_="card")


# ---- timeline and environment --------------------------------------------------------------------


def _section_timeline(view: View) -> Markup:
    rows = []
    for detail in view.details["runs"]:
        if detail.get("capture"):
            timeline = detail["capture"].replace(".weft", ".pftrace")
            rows.append(tag("tr", [
                tag("td", detail["accel"]), tag("td", [tag("a", timeline, href=timeline)]),
                tag("td", [tag("a", detail["capture"], href=detail["capture"])]),
                tag("td", [tag("code", f"./weft view {timeline}")]),
            ]))
    if not rows:
        return Markup("")
    heads = [tag("th", name) for name in ("run", "timeline for Perfetto", "capture", "open it with")]
    lead = ("Every thread switch, message, wake-up and interrupt of the run. Select a message's slice to follow its "
            "arrow to the other CPU.")
    return join([tag("p", lead, class_="lead"),
                 tag("div", [tag("table", [tag("thead", [tag("tr", heads)]), tag("tbody", rows)])], class_="scroll")])


def _section_environment(view: View) -> Markup:
    first = view.results["runs"][0]
    facts = {"commit": first["commit"], "suite": view.details["suite"], "architecture": first["arch"],
             "guest CPUs": str(first["cpus"]), "CPU model": first["cpu_model"], "kernel": first["profile"],
             "kernel command line": view.details.get("command_line", ""), "QEMU": first["qemu"],
             **view.details.get("environment", {})}
    rows = [tag("tr", [tag("td", key), tag("td", value)]) for key, value in facts.items()]
    parts = [tag("pre", [tag("code", view.details.get("invocation", "./weft bench"))]),
             tag("div", [tag("table", [tag("tbody", rows)], class_="plain")], class_="scroll")]
    for detail in view.details["runs"]:
        seconds = ", ".join(f"{value} s" for value in detail["seconds"])
        files = [tag("a", name, href=name) for name in detail["console"]]
        parts += [tag("h3", f"QEMU command, {detail['accel']} ({seconds})"), tag("pre", [tag("code", detail["command"])]),
                  tag("p", [escape("Console: "), join(files, ", ")])]
    return join(parts)
