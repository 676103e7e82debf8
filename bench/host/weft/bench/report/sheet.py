# SPDX-License-Identifier: Apache-2.0
"""results.csv: one row for each figure, for statistics programs.

    text = sheet(results, details, catalogue)

RFC 4180 with a heading, UTF-8, `.` as decimal point, empty where something does not apply. The parameters that
a figure has, and others have not, stand in `params` as `key=value` words; the variant and the design have
columns of their own. Times are given in ns and, in `p50_cycles`, in cycles of the guest's clock.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.records import STATISTICS
from weft.bench.report.view import DESIGNS, Entry, View

COLUMNS = (
    "suite", "part", "mode", "cpus", "group", "name", "title", "params", "variant", "design", "unit", "n",
    *STATISTICS, "p50_cycles", "repetitions", "p50_low", "p50_high",
    "linux", "linux_p50", "linux_ratio", "linux_ratio_low", "linux_ratio_high",
    "shape", "scope", "profile", "cpu_model", "qemu", "commit", "capture", "from_ns", "to_ns",
)  # fmt: skip


def sheet(results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue) -> str:
    """The whole file."""
    view = View(results, details, catalogue)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for entry in view.entries:
        writer.writerow(_row(view, entry))
    return out.getvalue()


def _row(view: View, entry: Entry) -> dict[str, Any]:
    params = dict(entry.params)
    benchmark = view.benchmark(entry.name)
    run = view.results["runs"][entry.run]
    place = entry.place
    row = {
        "suite": view.details["suite"],
        "part": entry.part,
        "mode": entry.mode,
        "cpus": entry.cpus,
        "group": view.group_of(entry.name),
        "name": entry.name,
        "title": view.title(entry.name),
        "params": " ".join(f"{key}={value}" for key, value in sorted(params.items()) if key not in DESIGNS),
        **{key: params.get(key, "") for key in DESIGNS},
        "unit": entry.unit,
        "n": entry.n,
        **entry.values,
        "p50_cycles": "" if entry.cycles is None else entry.cycles,
        "repetitions": entry.repetitions,
        "p50_low": entry.low,
        "p50_high": entry.high,
        "shape": benchmark.shape if benchmark else "",
        "scope": benchmark.scope if benchmark else "",
        **{key: run[key] for key in ("profile", "cpu_model", "qemu", "commit")},
        "capture": place.trace if place else "",
        "from_ns": place.start if place and place.start is not None else "",
        "to_ns": place.end if place and place.end is not None else "",
    }
    if ratio := view.ratio(entry):
        row |= {"linux": ratio["linux"], "linux_p50": view.linux_p50(entry, ratio)}
        row |= {"linux_ratio": ratio["ratio"], "linux_ratio_low": ratio["low"], "linux_ratio_high": ratio["high"]}
    return row
