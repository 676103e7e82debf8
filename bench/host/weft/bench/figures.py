# SPDX-License-Identifier: Apache-2.0
"""Putting repetitions together, and turning cycles into what is published.

Policy for several repetitions of one benchmark (`--runs`), the same for every unit: n is the sum,
min the smallest, max the largest, each percentile the lower median of the repetitions' percentiles,
and the histogram their sum. The spread of the medians stays visible as `p50_low` and `p50_high` in
details.json, so that a stable figure can be told from a lucky one. In icount mode the repetitions
must be identical: `differing()` names those that are not.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from weft.bench.errors import BenchError
from weft.bench.records import STATISTICS, BenchRecord

# Parameters under which a benchmark between two CPUs says which two, in the order (from, to).
PAIR_KEYS = (("client_cpu", "server_cpu"), ("from_cpu", "to_cpu"))

# Parameters that a boot finds out: they do not tell one benchmark from another.
FOUND_OUT = {"left_out", "thread", "server_thread", "timestamp_cost"}


@dataclass(frozen=True)
class Figure:
    """One benchmark over all repetitions of one mode, in the guest's own unit."""

    record: BenchRecord
    repetitions: int
    p50_low: int
    p50_high: int
    medians: tuple[int, ...]  # of the repetitions, in their order


def combine(records: list[BenchRecord]) -> Figure:
    """Makes one figure of the repetitions of one benchmark."""
    last = records[-1]  # the one whose trace is kept: its thread ids are those of the capture
    values: dict[str, int] = {}
    for key in STATISTICS:
        column = [getattr(record, key) for record in records]
        values[key] = {"min": min, "max": max}.get(key, statistics.median_low)(column)
    buckets: dict[int, int] = {}
    for record in records:
        for low, count in record.histogram:
            buckets[low] = buckets.get(low, 0) + count
    record = BenchRecord(
        last.name,
        last.unit,
        n=sum(record.n for record in records),
        params=last.params,
        histogram=tuple(sorted(buckets.items())),
        **values,
    )
    medians = [record.p50 for record in records]
    return Figure(record, len(records), min(medians), max(medians), tuple(medians))


def differing(records: list[BenchRecord]) -> list[str]:
    """The statistics in which repetitions of one benchmark do not agree."""
    keys = ("n", *STATISTICS)
    return [key for key in keys if len({getattr(record, key) for record in records}) > 1]


def publish(record: BenchRecord, mode: str, clock_hz: int | None) -> list[BenchRecord]:
    """The units in which a record is published: one entry for each.

    icount: `instructions`, as one cycle of the guest's clock is one guest instruction there.
    Otherwise `cycles` of the guest's clock and `ns`, which needs the clock's frequency.
    """
    if record.unit == "instructions" or (mode == "icount" and record.unit == "cycles"):
        return [record.scaled("instructions", 1, 1)]
    if record.unit == "ns":
        return [record]
    if not clock_hz:
        raise BenchError(f"{record.name}: cycles cannot become ns: the guest did not say its clock_hz")
    return [record, record.scaled("ns", 1_000_000_000, clock_hz)]


def pair_of(record: BenchRecord) -> tuple[int, int] | None:
    """The two CPUs of a cross-core record, if its parameters name them."""
    for first, second in PAIR_KEYS:
        if isinstance(record.params.get(first), int) and isinstance(record.params.get(second), int):
            return record.params[first], record.params[second]
    return None


def identity(record: BenchRecord) -> str:
    """The name and those parameters that make it this benchmark and no other."""
    chosen = {key: value for key, value in record.params.items() if key not in FOUND_OUT}
    return f"{record.name} {json.dumps(chosen, sort_keys=True)}"
