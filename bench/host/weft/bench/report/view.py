# SPDX-License-Identifier: Apache-2.0
"""The data of one report, with the questions that its sections ask of them.

`View` reads results.json (what everybody sees), details.json (histograms, files, environment) and
the catalogue (words, peers), and never changes them. Values come in the unit in which they are shown:
instructions in icount mode, ns otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.bench.catalogue import Benchmark, Catalogue
from weft.bench.records import STATISTICS


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

    def rows(self) -> list[str]:
        """Those that have one figure; a matrix has many."""
        return [name for name in self.names() if not self.catalogue.is_matrix(name)]

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
        return {
            **figure,
            **{key: convert(figure[key]) for key in STATISTICS},
            "histogram": sorted([low, count] for low, count in histogram.items()),
        }


def display_unit(mode: str) -> str:
    """The unit that cards and plots show in a mode."""
    return "instructions" if mode == "icount" else "ns"


def short_commit(commit: str) -> str:
    """Ten digits are enough to find it; whether it was changed stays."""
    digits, dash, dirty = commit.partition("-")
    return digits[:10] + (dash + dirty if dash else "")


def plural(count: int, thing: str) -> str:
    """1 CPU, 4 CPUs."""
    return f"{count} {thing}" if count == 1 else f"{count:,} {thing}s"
