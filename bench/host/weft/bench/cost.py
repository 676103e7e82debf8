# SPDX-License-Identifier: Apache-2.0
"""What does tracing cost? Compares the variants of a suite whose `[trace]` says `cost = true`.

    collect(details, launcher, out)      # adds run["cost"]
    print(table_of(run))                 # for the terminal
    document(details)                    # the same as Markdown, with what a round trip leaves in the rings

The first variant is the measure for all others: the kernel without tracing. What a call leaves is counted
in the capture of its variant: all records of all CPUs from the client's first call to its last return,
divided by its calls. The other CPUs are idle meanwhile.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher
from weft.bench.table import aligned, number

CALLS = ("ipc.call.same_core", "ipc.call.cross_core")
EVENT_ON, EVENT_OFF = "trace.event.on", "trace.event.off"
RECORD, PAGE, PER_PAGE = 16, 4096, 255  # bytes, bytes, records
COUNTED = ("default", "all")  # variants that record messages and switches, so that calls are seen to end
SHOWN = 0.05  # an event that happens once in twenty calls or more is named

HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by ./weft bench --suite trace, which writes it as cost.md: run that instead of changing this. -->
# What tracing costs

Instructions of the guest, medians; `icount` mode, so that they are the same wherever they are counted. Each
row is a boot of its own. *left-out*: the kernel without tracing (`./weft bench --no-trace`). *off*: tracing
is compiled in and every category is off. Then one category at a time, the default ones, and all. A
percentage is the growth over *left-out*.
"""


def collect(details: dict[str, Any], launcher: Launcher, out: Path, names: list[str]) -> None:
    """Adds `cost` to each run, for the benchmarks that the suite names."""
    for run in details["runs"]:
        rows = []
        for variant in run["variants"]:
            row: dict[str, Any] = {"variant": variant["name"], "p50": {}, "leaves": {}}
            for figure in run["figures"]:
                if figure["name"] in names and figure["params"].get("variant") == variant["name"]:
                    row["p50"][figure["name"]] = figure["p50"]
            if variant["capture"] and variant["name"] in COUNTED:
                row["leaves"] = _leaves(launcher, out / variant["capture"], variant["others"])
            rows.append(row)
        run["cost"] = rows


def _leaves(launcher: Launcher, capture: Path, others: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By benchmark: how many records of which event a call leaves."""
    clients = {record["thread"]: record for record in others if record.get("record") == "counts"}
    spans: dict[int, list[int]] = {}
    for client, enter, resume in launcher.table(capture, "messages", ("client", "enter", "resume")):
        if client in clients:
            span = spans.setdefault(client, [enter, resume, 0])
            span[1], span[2] = max(span[1], resume), span[2] + 1
    found = {name: span for client, span in spans.items() if (name := clients[client]["name"]) in CALLS}
    for name, (_, _, calls) in found.items():
        made = next(record["calls"] for record in clients.values() if record["name"] == name)
        if calls != made:
            raise BenchError(f"{capture}: {name}: {made} calls were made, {calls} are in the capture")
    counts: dict[str, Counter[str]] = {name: Counter() for name in found}
    for time, event in launcher.dump(capture):
        for name, (begin, end, _) in found.items():
            if begin <= time <= end:
                counts[name][event] += 1
    return {
        name: {event: count / found[name][2] for event, count in sorted(counts[name].items())} for name in found
    }


def bytes_of(records: float) -> float:
    """What so many records take in a ring, with their share of the record that opens a page."""
    return round(records, 1) * PAGE / PER_PAGE


def _cell(value: int, base: int) -> str:
    return number(value) if value == base else f"{number(value)} ({100 * (value - base) / base:+.1f} %)"


def _names(run: dict[str, Any]) -> list[str]:
    return [name for name in run["cost"][0]["p50"] if not name.startswith("trace.")]


def _event(run: dict[str, Any], name: str) -> int | None:
    return next((row["p50"][name] for row in run["cost"] if row["variant"] == "default" and name in row["p50"]), None)


def table_of(run: dict[str, Any]) -> str:
    """For the terminal."""
    base = run["cost"][0]["p50"]
    names = _names(run)
    rows = []
    for row in run["cost"]:
        rows.append([row["variant"], *(_cell(row["p50"][name], base[name]) for name in names)])
    lines = [
        f"what tracing costs, {run['accel']}, {run['cpus']} CPUs: instructions, medians",
        "",
        *aligned([["categories on", *names], *rows], words=1),
        "",
    ]
    if _event(run, EVENT_ON) is not None:  # a run may have been narrowed to other benchmarks
        lines.append(f"  one event: {_event(run, EVENT_ON)} when it is on, {_event(run, EVENT_OFF)} when it is off")
    for row in run["cost"]:
        for name, events in row["leaves"].items():
            total = sum(events.values())
            lines.append(f"  {name} leaves {total:.1f} records, {bytes_of(total):.0f} bytes ({row['variant']})")
    return "\n".join(lines)


def document(details: dict[str, Any]) -> str:
    """The figures as a page for docs/."""
    return HEAD + "".join(_section(run) for run in details["runs"])


def _section(run: dict[str, Any]) -> str:
    base = run["cost"][0]["p50"]
    names = _names(run)
    lines = [
        f"\n## {run['cpus']} CPUs\n",
        "| categories on | " + " | ".join(f"`{name}`" for name in names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    for row in run["cost"]:
        cells = [_cell(row["p50"][name], base[name]) for name in names]
        lines.append(f"| {row['variant']} | " + " | ".join(cells) + " |")
    if _event(run, EVENT_ON) is not None:
        lines.append(
            f"\nOne event (`{EVENT_ON}`, `{EVENT_OFF}`) takes {_event(run, EVENT_ON)} instructions when it is on and"
            f" {_event(run, EVENT_OFF)} when it is off. It is {RECORD} bytes in the ring."
        )
    lines += [
        "\n## What a round trip leaves in the rings\n",
        "| call | categories on | records | bytes | events |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for name in CALLS:
        for row in run["cost"]:
            events = row["leaves"].get(name)
            if events:
                total = sum(events.values())
                shown = ", ".join(f"{count:.2g} `{event}`" for event, count in events.items() if count >= SHOWN)
                lines.append(f"| `{name}` | {row['variant']} | {total:.1f} | {bytes_of(total):.0f} | {shown} |")
    return "\n".join(lines) + "\n"
