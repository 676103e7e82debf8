# SPDX-License-Identifier: Apache-2.0
"""`weft bench compare A B`: what changed from one run to another, and how sure that is.

    rows = compare(Run.load(Path("out/before")), Run.load(Path("out/after")))
    print(table_of(rows))

In icount mode figures are exact, so every difference is real and is named, whichever statistic it is in.

In the other modes a boot is one observation: what differs between boots (where things lie in memory, the
host's load) is the same for all samples of one. So the medians of the boots are compared. `change` is the
median of all ratios of a median of B to one of A (Hodges and Lehmann 1963), and its interval is the one
that belongs to the exact rank-sum test (Mann and Whitney 1947); the confidence is what so many boots can
give, stated beside it. `B>A` is the chance that a sample of B is above one of A (Vargha and Delaney 2000),
over all samples: 0.5 says that they are alike.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import asdict, dataclass
from functools import cache
from math import comb
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.figures import FOUND_OUT
from weft.bench.records import STATISTICS
from weft.bench.results import check_results, read_json
from weft.bench.table import aligned, number

CONFIDENCE = 0.95
Key = tuple[str, int, str, str]  # mode, CPUs, benchmark, parameters


@dataclass(frozen=True)
class Figure:
    """One benchmark at one place of the grid."""

    unit: str
    statistics: dict[str, int]
    medians: tuple[int, ...]  # of the boots
    histogram: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Row:
    """A benchmark in both runs."""

    mode: str
    cpus: int
    name: str
    params: str
    unit: str
    before: dict[str, int]
    after: dict[str, int]
    ratio: float  # the medians'; exact in icount mode, else Hodges and Lehmann's
    low: float | None = None  # its interval; None in icount mode and with one boot
    high: float | None = None
    confidence: float | None = None
    above: float | None = None  # the chance that a sample of B is above one of A

    @property
    def changed(self) -> list[str]:
        """The statistics that differ (icount), or the median if its interval leaves out 1."""
        if self.mode == "icount":
            return [key for key in STATISTICS if self.before[key] != self.after[key]]
        sure = self.low is not None and self.high is not None and not self.low <= 1 <= self.high
        return ["p50"] if sure and (self.confidence or 0) >= CONFIDENCE else []


@dataclass(frozen=True)
class Run:
    """What a run left: results.json and, if it is there, details.json."""

    path: Path
    commit: str
    figures: dict[Key, Figure]

    @staticmethod
    def load(path: Path) -> Run:
        """Takes the folder of a run, or its results.json. BenchError for anything else."""
        folder = path if path.is_dir() else path.parent
        results = read_json(folder / "results.json" if path.is_dir() else path)
        check_results(results)
        details = read_json(folder / "details.json") if (folder / "details.json").is_file() else {"runs": []}
        return Run.of(path, results, details)

    @staticmethod
    def of(path: Path, results: dict[str, Any], details: dict[str, Any]) -> Run:
        """The same from what these files hold."""
        samples: dict[Key, dict[str, Any]] = {}
        for run in details["runs"]:
            for figure in run["figures"]:
                samples[run["accel"], run["cpus"], figure["name"], params_text(figure["params"])] = figure
        figures = {}
        for run in results["runs"]:
            for result in run["results"]:
                if result["unit"] == "ns":
                    continue  # the same as its cycles
                key = (run["accel"], run["cpus"], result["name"], params_text(result["params"]))
                found = samples.get(key, {})
                figures[key] = Figure(
                    result["unit"],
                    {key: result[key] for key in STATISTICS},
                    tuple(found.get("medians", [result["p50"]])),
                    tuple((low, count) for low, count in found.get("histogram", [])),
                )
        commits = {run["commit"] for run in results["runs"]}
        return Run(path, ", ".join(sorted(commits)), figures)


def params_text(params: dict[str, Any]) -> str:
    """What tells a figure from others of its name."""
    chosen = {key: value for key, value in params.items() if key not in FOUND_OUT and key != "warmup"}
    return " ".join(f"{key}={value}" for key, value in sorted(chosen.items()))


def compare(before: Run, after: Run) -> list[Row]:
    """A row for each benchmark that both have; BenchError if there is none."""
    both = [key for key in before.figures if key in after.figures]
    if not both:
        raise BenchError(f"{before.path} and {after.path} have no benchmark in common (in the same mode, with as many CPUs)")
    return [_row(key, before.figures[key], after.figures[key]) for key in both]


def _row(key: Key, before: Figure, after: Figure) -> Row:
    mode, cpus, name, params = key
    plain = (mode, cpus, name, params, before.unit, before.statistics, after.statistics)
    if mode == "icount":
        return Row(*plain, after.statistics["p50"] / max(1, before.statistics["p50"]))
    ratios = sorted(b / max(1, a) for a, b in itertools.product(before.medians, after.medians))
    ratio = statistics.median(ratios)
    above = superiority(before.histogram, after.histogram)
    out, confidence = interval(len(before.medians), len(after.medians), CONFIDENCE)
    if confidence == 0:
        return Row(*plain, ratio, above=above)
    return Row(*plain, ratio, ratios[out], ratios[-1 - out], confidence, above)


# ---- statistics ------------------------------------------------------------------------------------


@cache
def _ways(first: int, second: int, u: int) -> int:
    """In how many orders of `first` and `second` values the rank-sum statistic is u."""
    if u < 0 or first < 0 or second < 0:
        return 0
    if first == 0 or second == 0:
        return int(u == 0)
    return _ways(first - 1, second, u - second) + _ways(first, second - 1, u)


def interval(first: int, second: int, wanted: float) -> tuple[int, float]:
    """How many of the ordered ratios to leave out at each end, and the confidence of what is left. As
    many as `wanted` allows; none if no interval reaches it. 0.0 when there is one boot on a side."""
    if min(first, second) < 2:
        return 0, 0.0
    orders = comb(first + second, first)
    out, tail = 0, _ways(first, second, 0)
    while 1 - 2 * (tail + _ways(first, second, out + 1)) / orders >= wanted:
        out += 1
        tail += _ways(first, second, out)
    return out, 1 - 2 * tail / orders


def superiority(before: tuple[tuple[int, int], ...], after: tuple[tuple[int, int], ...]) -> float | None:
    """The chance that a value drawn from `after` is above one from `before`; ties count half."""
    total_before, total_after = sum(n for _, n in before), sum(n for _, n in after)
    if not total_before or not total_after:
        return None
    counts: dict[int, list[int]] = {}
    for side, histogram in enumerate((before, after)):
        for low, count in histogram:
            counts.setdefault(low, [0, 0])[side] += count
    below = 0
    wins = 0.0
    for low in sorted(counts):
        here, there = counts[low]
        wins += there * (below + here / 2)
        below += here
    return wins / (total_before * total_after)


# ---- output ------------------------------------------------------------------------------------------


def table_of(rows: list[Row]) -> str:
    """For the terminal: exact modes first."""
    parts = []
    for mode, cpus in dict.fromkeys((row.mode, row.cpus) for row in rows):
        chosen = [row for row in rows if (row.mode, row.cpus) == (mode, cpus)]
        changed = [row for row in chosen if row.changed]
        title = f"{mode}, {cpus} CPUs: {len(changed)} of {len(chosen)} figures changed"
        if mode == "icount":
            lines = _exact(changed)
        else:
            lines = _likely(chosen)
        parts.append("\n".join([title, *(["", *lines] if lines else [])]))
    return "\n\n".join(parts)


def _exact(rows: list[Row]) -> list[str]:
    cells = [
        [row.name, row.params, key, number(row.before[key]), number(row.after[key]),
         f"{row.after[key] - row.before[key]:+,}"]
        for row in rows for key in row.changed
    ]  # fmt: skip
    return aligned([["benchmark", "", "figure", "A", "B", "change"], *cells], words=3) if cells else []


def _likely(rows: list[Row]) -> list[str]:
    cells = []
    for row in rows:
        sure = f"{row.low:.3f} to {row.high:.3f}, {row.confidence:.1%}" if row.confidence else "one boot: unknown"
        above = "-" if row.above is None else f"{row.above:.2f}"
        verdict = "" if not row.changed else "slower" if row.ratio > 1 else "faster"
        cells.append([row.name, row.params, number(row.before["p50"]), number(row.after["p50"]),
                      f"{row.ratio:.3f}", sure, above, verdict])  # fmt: skip
    return aligned([["benchmark", "", "A p50", "B p50", "B/A", "interval", "B>A", ""], *cells])


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows for programs."""
    return [{**asdict(row), "changed": row.changed} for row in rows]
