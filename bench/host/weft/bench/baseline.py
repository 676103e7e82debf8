# SPDX-License-Identifier: Apache-2.0
"""Our figures beside those of Linux: ratios with their spread.

    ratios(point, pairs, ours, theirs)      # the elements of results.json's "ratios" for one point

A ratio is Linux / Weft of medians: each system's p50 in a round, then the lower median over the
rounds; more than 1 means that Weft needs less. The spread is that of the rounds: both systems of one
round ran one after the other, so its lowest and highest ratio say what the host's load did to the
comparison. Where several of Linux's ways compete (contenders in bench/linux/benchmarks.toml) there
is one element more, for the best of them: in the ratio the one with the lowest median, in the spread
the best of each round. `contenders` names them, and `fastest` the one that gave the figure; elsewhere both
are of the one that stands there. What both report for several numbers of CPUs (parameter `cpus`) is
compared where the numbers are the same.

    summary(ratios)                         # the same in words: who needs less, by how much, and where Linux does
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from weft.bench.catalogue import Benchmark
from weft.bench.plan import Point

Rounds = dict[tuple[str, int | None], list[int]]  # name and parameter `cpus`: the p50 of each round


def ratios(
    point: Point, cpu_model: str, benchmarks: Sequence[Benchmark], ours: Rounds, theirs: Rounds
) -> list[dict[str, Any]]:
    """All ratios of one point, ordered by our benchmark."""
    contending = {row.name for row in benchmarks if row.contender}
    found = []
    for key, own in ours.items():
        rows = {name: rounds for (name, cpus), rounds in theirs.items() if _beside(key, name, cpus, benchmarks, ours)}
        found += [_ratio(point, key[0], name, own, rounds) for name, rounds in rows.items()]
        contenders = [name for name in rows if name in contending]
        if len(contenders) > 1:
            found.append(_best(point, key[0], contenders, own, rows))
    return [{**ratio, "cpu_model": cpu_model} for ratio in found]


def _beside(
    key: tuple[str, int | None], name: str, cpus: int | None, benchmarks: Sequence[Benchmark], ours: Rounds
) -> bool:
    """Does this figure of Linux stand beside ours of that name and number of CPUs?"""
    if not any(row.name == name and key[0] in row.against for row in benchmarks):
        return False
    numbers = [other for weft, other in ours if weft == key[0]]
    return key[1] == (cpus if cpus in numbers else None if None in numbers else numbers[0] if cpus is None else -1)


def _ratio(point: Point, weft: str, linux: str, ours: list[int], theirs: list[int]) -> dict[str, Any]:
    each = [their / max(1, our) for our, their in zip(ours, theirs, strict=True)]
    weft_p50, linux_p50 = statistics.median_low(ours), statistics.median_low(theirs)
    return {
        "accel": point.mode,
        "cpus": point.cpus,
        "variant": point.variant.label,
        "weft": weft,
        "linux": linux,
        "contenders": [linux],
        "fastest": linux,
        "unit": "instructions" if point.mode == "icount" else "cycles",
        "weft_p50": weft_p50,
        "linux_p50": linux_p50,
        "rounds": len(each),
        "ratio": round(linux_p50 / max(1, weft_p50), 2),
        "low": round(min(each), 2),
        "high": round(max(each), 2),
    }


def _best(
    point: Point, weft: str, names: list[str], ours: list[int], theirs: dict[str, list[int]]
) -> dict[str, Any]:
    """The best of several: `best of pipe, futex, eventfd`."""
    fastest = min(names, key=lambda name: statistics.median_low(theirs[name]))
    of_round = [min(values) for values in zip(*(theirs[name] for name in names), strict=True)]
    spread = _ratio(point, weft, fastest, ours, of_round)
    short = [name.split(".")[1] for name in names]
    short = short if len(set(short)) == len(names) else [name.partition(".")[2] for name in names]
    title = f"best of {', '.join(short)}"
    return _ratio(point, weft, fastest, ours, theirs[fastest]) | {
        "linux": title,
        "contenders": names,
        "low": spread["low"],
        "high": spread["high"],
    }


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Of the ratios of one point: a line for each of ours, and one for all in which Linux needs less."""
    fewer = {"instructions": "fewer instructions", "cycles": "less time"}
    lines = []
    for weft in dict.fromkeys(row["weft"] for row in rows):
        row = next((row for row in rows if row["weft"] == weft and len(row["contenders"]) > 1), None)
        if row and row["ratio"] > 1:
            lines.append(f"{weft}: {row['ratio']:.1f} times {fewer[row['unit']]} than the {row['linux']} ({row['fastest']})")
    behind = [row for row in rows if row["ratio"] < 1]
    for row in behind:
        lines.append(f"Linux is ahead: {row['linux']} needs {row['ratio']:.2f} of what {row['weft']} needs")
    return lines if behind else [*lines, "Linux is ahead nowhere"]


def repeated(rows: Sequence[dict[str, Any]]) -> str:
    """What the rounds of Linux in icount mode were like, in words; empty where there is nothing to say."""
    if not rows or rows[0]["unit"] != "instructions" or rows[0]["rounds"] < 2:
        return ""
    apart = {row["linux"]: (row["high"] - row["low"]) / row["ratio"] for row in rows if len(row["contenders"]) == 1 and row["ratio"]}
    moved = [name for name, share in apart.items() if share > 0]
    if not moved:
        return f"Linux's medians were the same in all {rows[0]['rounds']} rounds"
    widest = max(moved, key=lambda name: apart[name])
    return (
        f"of {len(apart)} medians of Linux {len(moved)} were not the same in all {rows[0]['rounds']} rounds"
        f" (at most {100 * apart[widest]:.1f} % apart: {widest})"
    )
