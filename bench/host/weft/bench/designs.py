# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/designs.md: what suite xcore-designs has measured, as Markdown.

    tables(results)                          # the text between the document's two marks
    python -m weft.bench.designs out/bench/results.json docs/designs.md

The second form puts them in; of several results the last one that has a figure counts. Figures of icount mode are the same on every machine: a test measures some
again and looks for them in the document (`work`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.table import number
from weft.variants import DESIGNS

BEGIN, END = "<!-- figures of suite xcore-designs -->", "<!-- end of the figures -->"
PAIR, PAIRS, SHARE = "ipc.call.cross_core", "ipc.call.pairs", "ipc.call.pairs.share"
SAME, BUSY, BUSY_SHARE = "ipc.call.same_core", "ipc.call.busy", "ipc.call.busy.share"
SIGNAL = "ipc.notify.cross_core"
STRATEGIES = ("always", "elide", "poll")
MILLION = 1_000_000

Figure = dict[str, Any]
Find = Callable[..., "Figure | None"]


def finder(results: dict[str, Any]) -> Find:
    """find(name, accel, cpus, design, doorbell="") -> the figure; None where there is none."""
    found: dict[tuple[Any, ...], Figure] = {}
    for run in results["runs"]:
        for figure in run["results"]:
            params = figure["params"]
            if "design" in params:
                key = (figure["name"], run["accel"], run["cpus"], params["design"], params.get("doorbell", ""))
                found[key] = figure

    def find(name: str, accel: str, cpus: int, design: str, doorbell: str = "") -> Figure | None:
        return found.get((name, accel, cpus, design, doorbell))

    return find


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Markdown; numbers to the right."""
    return [
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def _cell(figure: Figure | None, show: Callable[[Figure], str]) -> str:
    return "" if figure is None else show(figure)


def p50(figure: Figure) -> str:
    return number(figure["p50"])


def spread(figure: Figure) -> str:
    """Median and 99th percentile."""
    return f"{number(figure['p50'])} / {number(figure['p99'])}"


def rate(figure: Figure) -> str:
    """How often in a million instructions of the machine."""
    return number(round(MILLION / figure["p50"]))


def cpus_of(results: dict[str, Any], accel: str) -> list[int]:
    return sorted({run["cpus"] for run in results["runs"] if run["accel"] == accel})


def curve(results: dict[str, Any], accel: str, name: str, show: Callable[[Figure], str]) -> list[list[str]]:
    """A row for each number of CPUs, a column for each design."""
    find = finder(results)
    rows = []
    for cpus in cpus_of(results, accel):
        figures = [find(name, accel, cpus, design) for design in DESIGNS]
        if any(figures):
            rows.append([str(cpus), *(_cell(figure, show) for figure in figures)])
    return rows


def work(results: dict[str, Any]) -> dict[str, dict[tuple[str, ...], list[int]]]:
    """By benchmark: what each design takes, and the numbers of CPUs for which it is that."""
    find = finder(results)
    found: dict[str, dict[tuple[str, ...], list[int]]] = {}
    for name in (SAME, BUSY, PAIR, SIGNAL):
        for cpus in cpus_of(results, "icount"):
            figures = [find(name, "icount", cpus, design) for design in DESIGNS]
            if all(figures):
                cells = tuple(_cell(figure, p50) for figure in figures)
                found.setdefault(name, {}).setdefault(cells, []).append(cpus)
    return found


def rows_of(results: dict[str, Any]) -> list[list[str]]:
    """The table of work; numbers of CPUs between which nothing changes share a row."""
    return [
        [f"`{name}`", str(cpus[0]) if len(cpus) == 1 else f"{cpus[0]} to {cpus[-1]}", *cells]
        for name, rows in work(results).items()
        for cells, cpus in rows.items()
    ]


def doorbells(results: dict[str, Any], accel: str) -> list[list[str]]:
    find = finder(results)
    return [
        [f"{design}, `{name}`", *(_cell(find(name, accel, 2, design, strategy), p50) for strategy in STRATEGIES)]
        for name in (PAIR, SIGNAL)
        for design in DESIGNS
    ]


def tables(results: dict[str, Any]) -> str:
    """All of them, each with what it says and what it does not."""
    lines = ["### Work, 1 to 64 CPUs", ""]
    lines += ["Instructions, medians, icount mode: the work of all CPUs for one operation while the others are idle, and",
              "for `ipc.call.busy` while all others make such calls. The same in every run on every machine.", ""]  # fmt: skip
    lines += table(("benchmark", "CPUs", *DESIGNS), rows_of(results))
    lines += ["All pairs at once (`ipc.call.pairs.share`): work for one call, waiting included.", ""]
    lines += table(("CPUs", *DESIGNS), curve(results, "icount", SHARE, p50))
    lines += ["The same as throughput: calls in a million instructions of the whole machine.", ""]
    lines += table(("CPUs", *DESIGNS), curve(results, "icount", SHARE, rate))
    lines += ["And as latency, median / 99th percentile, of one client (`ipc.call.pairs`), while all others' work passes.", ""]
    lines += table(("CPUs", *DESIGNS), curve(results, "icount", PAIRS, spread))
    lines += ["### Doorbells, 2 CPUs", "", "Instructions, icount mode, by the boot option `doorbell=`:", ""]
    lines += table(("design", *STRATEGIES), doorbells(results, "icount"))
    unit = next((figure["unit"] for run in results["runs"] if run["accel"] == "tcg" for figure in run["results"]), "")
    lines += [f"In {unit} of multi-threaded TCG on a shared host, where a halted CPU's wake-up costs most:", ""]
    lines += table(("design", *STRATEGIES), doorbells(results, "tcg"))
    lines += ["### In real parallel", ""]
    lines += [f"Multi-threaded TCG on two cores, {unit}, median / 99th percentile of three interleaved runs. Only ratios in",
              "this table mean something, and with more CPUs than cores only that it happens.", ""]  # fmt: skip
    for name in (SAME, BUSY, BUSY_SHARE, PAIR, PAIRS, SIGNAL):
        lines += [f"`{name}`:", "", *table(("CPUs", *DESIGNS), curve(results, "tcg", name, spread))]
    return "\n".join(lines)


def put(document: str, text: str) -> str:
    """The document with new tables."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"the document lacks {BEGIN} or {END}")
    return f"{head}{begin}\n\n{text}\n{end}{tail}"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2:
        print("usage: python -m weft.bench.designs RESULTS.json... DOCUMENT.md", file=sys.stderr)
        return 2
    *results, document = map(Path, arguments)
    runs = [run for path in results for run in json.loads(path.read_text(encoding="utf-8"))["runs"]]
    text = tables({"runs": runs})
    document.write_text(put(document.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
