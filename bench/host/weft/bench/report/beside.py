# SPDX-License-Identifier: Apache-2.0
"""The report's sections that compare: with Linux in the same run, other systems, a reference run.

What they say follows from the figures: whoever needs less is named, whoever it is.
"""

from __future__ import annotations

from typing import Any

from weft.bench.report import plots, text
from weft.bench.report.markup import Markup, join, tag
from weft.bench.report.sections import MOST, panel, panels
from weft.bench.report.tables import folding, plain
from weft.bench.report.view import View, plural, short_commit
from weft.bench.records import STATISTICS
from weft.bench.table import facts_text

COMPARED = (
    "ipc.call.same_core",
    "ipc.call.cross_core",
    "ipc.notify.same_core",
    "ipc.notify.cross_core",
    "thread.switch",
    "syscall.null",
)
UNSTEADY = 2  # rounds whose ratios are further apart do not make a figure to cite
SAME = 0.005  # ratios nearer to 1 than this are printed as 1.00


# ---- Linux in the same run -----------------------------------------------------------------------


def ratio_points(view: View) -> dict[tuple[str, int, str], list[dict[str, Any]]]:
    """The ratios by mode, CPUs and variant."""
    points: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for ratio in view.ratios:
        points.setdefault((ratio["accel"], ratio["cpus"], ratio["variant"]), []).append(ratio)
    return points


def counted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each figure of ours: the best of Linux's ways, where several compete."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["weft"] not in found or row["linux"].startswith("best of "):
            found[row["weft"]] = row
    return list(found.values())


def verdict(rows: list[dict[str, Any]]) -> str:
    """Who needs less, how often, and what is not certain."""
    best = counted(rows)
    for_weft = [row for row in best if row["ratio"] > 1 + SAME]
    for_linux = [row for row in best if row["ratio"] < 1 - SAME]
    parts = [f"Weft needs less in {len(for_weft)} of {plural(len(best), 'comparison')}"]
    if for_weft:
        factors = [f"{text.factor(ratio)}×" for ratio in sorted(row["ratio"] for row in for_weft)]
        parts[0] += f" (by {' to '.join(dict.fromkeys((factors[0], factors[-1])))})"
    if for_linux:
        worst = ", ".join(f"{row['weft']} ({text.factor(1 / max(row['ratio'], 1e-9))}×)" for row in for_linux)
        parts.append(f"Linux needs less in {len(for_linux)}: {worst}")
    unsure = [row["weft"] for row in best if row["low"] <= 1 <= row["high"] and row["low"] != row["high"]]
    if unsure:
        parts.append(f"the rounds do not agree on who does in {', '.join(unsure)}")
    unsteady = [row["weft"] for row in best if row["high"] > UNSTEADY * row["low"]]
    if unsteady:
        parts.append(f"the rounds differ by more than {UNSTEADY}× in {', '.join(unsteady)}, so that its ratio says little")
    return "; ".join(parts) + "."


def linux(view: View) -> Markup:
    """Ratios with their spread, point by point."""
    if not view.ratios:
        return Markup("")
    lead = (
        "Linux booted by turns with Weft in the same machine. A ratio is Linux / Weft, of medians: above 1 Weft needs "
        "less, below 1 Linux does. The line is the lowest and highest ratio of one round."
    )
    parts = [tag("p", lead, class_="lead")]
    found: dict[str, list[Markup]] = {}
    tables = []
    for (mode, cpus, variant), rows in ratio_points(view).items():
        title = ", ".join(filter(None, (mode, plural(cpus, "CPU"), variant)))
        rounds = plural(rows[0]["rounds"], "interleaved round") if rows[0]["rounds"] > 1 else "one round"
        best = counted(rows)
        picture = plots.ratios(best, f"Linux / Weft, {title}")
        found.setdefault(mode, []).append(panel(title, f"{rounds}. {verdict(rows)}", picture))
        tables.append(folding(f"Linux / Weft, {title}", plural(len(rows), "row"), len(rows), _ratio_table(rows), 60))
    parts += [panels(found, MOST), *tables, _baseline(view)]
    return join(parts)


def _ratio_table(rows: list[dict[str, Any]]) -> Markup:
    heads = [("Weft", False), ("Linux", False), ("Linux / Weft", True), ("lowest", True), ("highest", True),
             ("Weft p50", True), ("Linux p50", True), ("unit", False)]  # fmt: skip
    cells: list[list[str | Markup]] = [
        [row["weft"], row["linux"], tag("b", f"{row['ratio']:,.2f}"), f"{row['low']:,.2f}", f"{row['high']:,.2f}",
         text.number(row["weft_p50"]), text.number(row["linux_p50"]), row["unit"]]
        for row in rows
    ]  # fmt: skip
    return plain(heads, cells)


def _baseline(view: View) -> Markup:
    baseline = view.details.get("baseline")
    if not baseline:
        return Markup("")
    low, high = baseline["loads"]
    rows: list[list[str | Markup]] = [["Linux", f"{baseline['system']} ({baseline['package']})"]]
    rows += [["load of the host", f"{low:.2f} to {high:.2f} in the minute before a boot"]]
    for key, title in (("clock", "clock source"), ("idle_driver", "idle driver")):
        rows += [[title, str(baseline[key])]] if baseline.get(key) else []
    for label, words in baseline["command_lines"].items():
        rows += [[f"command line, {label}", tag("code", words)]]
        rows += [[f"found in {label}", facts_text(baseline["facts"][label])]] if label in baseline.get("facts", {}) else []
    body = tag("table", [tag("tbody", [tag("tr", [tag("td", key), tag("td", value)]) for key, value in rows])], class_="plain")
    return folding("The Linux that was measured", plural(len(rows), "line"), len(rows), tag("div", [body], class_="scroll"), 6)


# ---- other systems -------------------------------------------------------------------------------


def comparison(view: View) -> Markup:
    """Instruction counts of other systems, measured by this project before."""
    found = [one for one in (_comparison_panel(view, name) for name in COMPARED) if one]
    if not found:
        return Markup("")
    lead = (
        "Guest instructions, fewer is better; every scale starts at zero. " + view.catalogue.sources["icount"].text
    )
    parts = [tag("p", lead, class_="lead")]
    if view.details["trace"]:
        words = (
            "A kernel with tracing switched on has recorded its events within these figures; the others ran without "
            "any. weft bench --no-trace measures Weft without it as well."
        )
        parts.append(tag("p", words, class_="note"))
    return join([*parts, tag("div", found, class_="panels"), _natives(view)])


def _comparison_panel(view: View, name: str) -> Markup | None:
    entry, benchmark = view.first("icount", name), view.benchmark(name)
    if entry is None or benchmark is None or not benchmark.peers:
        return None
    peers = [view.catalogue.peers[key] for key in benchmark.peers]
    bars = [plots.Bar("Weft", benchmark.short, entry.p50, ours=True)]
    bars += [plots.Bar(peer.system, peer.operation, peer.value) for peer in peers]
    scope = f"{benchmark.shape}, {benchmark.scope} counted; {plural(entry.cpus, 'CPU')}"
    scope += f", {entry.design}" if entry.design else ""
    return panel(benchmark.title, scope, plots.comparison(bars, entry.unit, benchmark.title))


def _natives(view: View) -> Markup:
    if not view.catalogue.natives:
        return Markup("")
    rows: list[list[str | Markup]] = [
        [native.system, native.operation, native.value, view.catalogue.sources[native.source].text]
        for native in view.catalogue.natives
    ]
    words = (
        "Cycles and nanoseconds of real processors. They cannot be compared with the instruction counts or the "
        "emulated times of this page."
    )
    heads = [("system", False), ("operation", False), ("published", True), ("where", False)]
    title = tag("h4", "For scale: published figures from real machines")
    return join([title, tag("p", words, class_="lead"), plain(heads, rows)])


# ---- a reference run -----------------------------------------------------------------------------


def summary_of(reference: dict[str, Any]) -> str:
    """What came of the comparison."""
    rows = reference["rows"]
    if not rows:
        return f"{reference['what']}: no figure in common, in the same mode and with as many CPUs."
    exact = [row for row in rows if row["mode"] == "icount"]
    parts = []
    if exact:
        changed = [row for row in exact if row["changed"]]
        few = "all are the same to the digit" if not changed else f"{len(changed)} differ"
        parts.append(f"of {plural(len(exact), 'exact figure')} (icount) {few}")
    others = [row for row in rows if row["mode"] != "icount"]
    if others:
        slower = sum(1 for row in others if row["changed"] and row["ratio"] > 1)
        faster = sum(1 for row in others if row["changed"] and row["ratio"] < 1)
        parts.append(f"of {plural(len(others), 'measured figure')} {slower} are slower and {faster} faster")
    commit = f" (commit {short_commit(reference['commit'])})" if reference["commit"] else ""
    return f"Beside {reference['what']}{commit}: {'; '.join(parts)}."


def exact_changes(reference: dict[str, Any]) -> list[list[str]]:
    """Each statistic of an icount figure that differs."""
    return [
        [row["name"], row["params"], str(row["cpus"]), key, text.number(row["before"][key]), text.number(row["after"][key]),
         f"{row['after'][key] - row['before'][key]:+,}"]
        for row in reference["rows"] if row["mode"] == "icount" for key in row["changed"]
    ]  # fmt: skip


def likely_changes(reference: dict[str, Any]) -> list[list[str]]:
    """Each figure of the other modes, with its interval."""
    found = []
    for row in reference["rows"]:
        if row["mode"] != "icount":
            sure = row["confidence"] and f"{row['low']:.3f} to {row['high']:.3f}, {row['confidence']:.1%}"
            word = "" if not row["changed"] else "slower" if row["ratio"] > 1 else "faster"
            found.append([row["mode"], row["name"], row["params"], str(row["cpus"]), text.number(row["before"]["p50"]),
                          text.number(row["after"]["p50"]), f"{row['ratio']:.3f}", sure or "one boot: unknown", word])  # fmt: skip
    return found


EXACT_HEADS = ["benchmark", "parameters", "CPUs", "figure", "reference", "now", "change"]
LIKELY_HEADS = ["mode", "benchmark", "parameters", "CPUs", "reference p50", "now p50", "ratio", "interval", ""]


def reference(view: View) -> Markup:
    """What differs from the reference that the run was given, or else from the gate's."""
    data = view.details.get("reference")
    if not data:
        return Markup("")
    parts = [tag("p", summary_of(data), class_="lead")]
    if any(set(row["before"]) != set(STATISTICS) for row in data["rows"]):
        words = "Medians only: the reference was measured with another number of samples, on which the tails depend."
        parts.append(tag("p", words, class_="lead"))
    exact, likely = exact_changes(data), likely_changes(data)
    if exact:
        heads = [(title, index > 3) for index, title in enumerate(EXACT_HEADS)]
        parts.append(folding("Exact differences", plural(len(exact), "row"), len(exact), plain(heads, list(exact))))
    if likely:
        heads = [(title, 3 < index < 8) for index, title in enumerate(LIKELY_HEADS)]
        parts.append(folding("Measured differences, cycles", plural(len(likely), "row"), len(likely), plain(heads, list(likely))))
    return join(parts)
