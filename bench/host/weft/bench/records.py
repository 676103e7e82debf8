# SPDX-License-Identifier: Apache-2.0
"""What the guest says: the `@weft {json}` lines of its console.

    collector = RecordCollector()
    for line in console: collector.feed(line)
    collector.benchmarks          # list[BenchRecord], in the order in which they came
    collector.others              # dict records of other kinds, as they are

A benchmark's record is checked here, once, so that everything behind can trust it: integers, a
known unit, n > 0, min <= p50 <= p90 <= p99 <= p999 <= max, and a histogram whose counts add up to n.
A record that breaks this is kept as a sentence in `problems`; the runner makes it an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

PREFIX = "@weft "
UNITS = ("cycles", "instructions", "ns")
STATISTICS = ("min", "p50", "p90", "p99", "p999", "max")


class BadRecord(ValueError):
    """A record that says something impossible."""


@dataclass(frozen=True)
class BenchRecord:
    """The distribution of one benchmark as the guest measured it."""

    name: str
    unit: str
    n: int
    min: int
    p50: int
    p90: int
    p99: int
    p999: int
    max: int
    params: dict[str, Any] = field(default_factory=dict)
    histogram: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def parse(data: dict[str, Any]) -> BenchRecord:
        """Checks a decoded record; BadRecord says what is wrong with it."""
        name = data.get("name")
        if not isinstance(name, str) or not name:
            raise BadRecord("a benchmark's record has no name")
        unit = data.get("unit")
        if unit not in UNITS:
            raise BadRecord(f"{name}: unknown unit {unit!r}")
        numbers = {key: _count(name, key, data.get(key)) for key in ("n", *STATISTICS)}
        if numbers["n"] == 0:
            raise BadRecord(f"{name}: n is 0")
        ordered = [numbers[key] for key in STATISTICS]
        if ordered != sorted(ordered):
            raise BadRecord(f"{name}: the percentiles do not ascend: {ordered}")
        params = data.get("params", {})
        if not isinstance(params, dict):
            raise BadRecord(f"{name}: params is not an object")
        histogram = _histogram(name, data.get("histogram", []), numbers["n"])
        return BenchRecord(name, unit, params=params, histogram=histogram, **numbers)

    def statistics(self) -> dict[str, int]:
        """min to max, by name."""
        return {key: getattr(self, key) for key in STATISTICS}

    def scaled(self, unit: str, numerator: int, denominator: int) -> BenchRecord:
        """The same distribution in another unit: every value times numerator / denominator."""

        def convert(value: int) -> int:
            return (value * numerator + denominator // 2) // denominator

        values: dict[str, Any] = {key: convert(value) for key, value in self.statistics().items()}
        histogram: dict[int, int] = {}
        for low, count in self.histogram:
            histogram[convert(low)] = histogram.get(convert(low), 0) + count
        return replace(self, unit=unit, histogram=tuple(sorted(histogram.items())), **values)

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "n": self.n,
            **self.statistics(),
            "params": self.params,
            "histogram": [list(bucket) for bucket in self.histogram],
        }


class RecordCollector:
    """Eats console lines and keeps the records among them."""

    def __init__(self) -> None:
        self.benchmarks: list[BenchRecord] = []
        self.others: list[dict[str, Any]] = []
        self.problems: list[str] = []

    def feed(self, line: str) -> dict[str, Any] | None:
        """Takes one line; the decoded record if it is one."""
        line = line.strip()
        if not line.startswith(PREFIX):
            return None
        try:
            data = json.loads(line[len(PREFIX) :])
            if not isinstance(data, dict):
                raise BadRecord("not an object")
            if data.get("record") == "bench":
                self.benchmarks.append(BenchRecord.parse(data))
            else:
                self.others.append(data)
            return data
        except json.JSONDecodeError as error:
            self.problems.append(f"unreadable record ({error.msg}): {line[:120]}")
        except BadRecord as error:
            self.problems.append(f"bad record: {error}")
        return None

    def find(self, key: str) -> Any:
        """The last value that any record of another kind gave under `key`, or None."""
        for record in reversed(self.others):
            if key in record:
                return record[key]
        return None


def _count(name: str, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRecord(f"{name}: {key} is {value!r}, not a number of things")
    return value


def _histogram(name: str, buckets: Any, n: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(buckets, list):
        raise BadRecord(f"{name}: the histogram is not a list")
    result = []
    for bucket in buckets:
        if not isinstance(bucket, list) or len(bucket) != 2:
            raise BadRecord(f"{name}: a bucket of the histogram is {bucket!r}, not [low, count]")
        result.append((_count(name, "bucket", bucket[0]), _count(name, "count", bucket[1])))
    lows = [low for low, _ in result]
    if lows != sorted(set(lows)):
        raise BadRecord(f"{name}: the histogram's buckets do not ascend")
    if result and sum(count for _, count in result) != n:
        raise BadRecord(f"{name}: the histogram holds {sum(count for _, count in result)} of {n} samples")
    return tuple(result)
