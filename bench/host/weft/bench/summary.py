# SPDX-License-Identifier: Apache-2.0
"""What a run says on the terminal when it is over: tables, and where the files are.

    show(out, results, details, catalogue)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.bench import agreement, cost, table
from weft.bench.catalogue import Catalogue
from weft.bench.table import aligned, number
from weft.paths import ROOT

WITH_TRACE = (
    "tracing is compiled in and on: figures include the events on their way (--no-trace leaves it out)"
)
WITHOUT_TRACE = "without tracing: no trace.event figures, no capture"


def show(out: Path, results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> None:
    """See the module."""
    parts = {part["name"]: part for part in details["parts"]}
    for run, detail in zip(results["runs"], details["runs"], strict=True):
        part = parts[detail["part"]]
        if len(parts) > 1:
            print(f"\n{part['name']}: {part['title']}")
        if "cost" not in detail:
            _show_run(run, part, catalogue)
    for part in parts.values():
        if part["left_out"]:
            print(f"\n  left out: {len(part['left_out'])} points, such as {part['left_out'][0]}")
    if results.get("ratios") and "baseline" in details:
        print(f"\n{table.render_ratios(results['ratios'], details['baseline'])}")
    elif any(run["accel"] == "icount" and "cost" not in run for run in details["runs"]):
        print(
            "\n  seL4 and Linux: measured by the Weft project in the same QEMU mode, see bench/reference/peers.toml"
        )
    for run in details["runs"]:
        if "agreement" in run:
            print(f"\n{agreement.table_of(run['accel'], run['agreement'])}")
    _show_files(out, details)


def _show_run(run: dict[str, Any], part: dict[str, Any], catalogue: Catalogue) -> None:
    notes = [WITH_TRACE if part["trace"] else WITHOUT_TRACE]
    if part["grid"]:
        print("\n" + "\n".join([f"{run['accel']}, {run['cpus']} CPUs", "", *_ranges(run["results"])]))
    else:
        print(f"\n{table.render_run(run, catalogue, notes)}")


def _ranges(results: list[dict[str, Any]]) -> list[str]:
    """Of a grid: for each benchmark the points with the lowest and the highest median."""
    names: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result in results:
        names.setdefault((result["name"], result["unit"]), []).append(result)
    rows = [["benchmark", "unit", "figures", "lowest p50", "highest p50", "apart"]]
    for (name, unit), found in names.items():
        low, high = (pick(result["p50"] for result in found) for pick in (min, max))
        apart = f"{100 * (high - low) / low:.1f} %" if low else "-"
        rows.append([name, unit, number(len(found)), number(low), number(high), apart])
    return aligned(rows)


def _show_files(out: Path, details: dict[str, Any]) -> None:
    print(f"\nreport    {shown(out / 'report.html')}")
    print(f"results   {shown(out / 'results.json')}")
    for run in details["runs"]:
        if run["capture"]:
            timeline = shown((out / run["capture"]).with_suffix(".pftrace"))
            print(f"timeline  {timeline}  ({run['accel']}; ./weft view {timeline})")
        if "cost" in run:
            print(f"\n{cost.table_of(run)}")
        if "stream" in run:
            stream = run["stream"]
            print(
                f"streamed  {stream['events']:,} events in a boot of {run['seconds'][-1]:g} s,"
                f" {stream['lost']:,} lost, {stream['megabytes']:,} MB"
            )


def shown(path: Path) -> str:
    """A path as one would type it: relative to the tree if it is in it."""
    absolute = path.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(path)
