# SPDX-License-Identifier: Apache-2.0
"""What came of injected faults, counted: the tables of `weft faults`.

    table(faults, "service")     one line per service, and one for all
    summary(faults, late)        one line
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

COLUMNS = ("injected", "manifested", "ended", "hung", "wrong", "silent", "init", "client", "recovered", "lost")
# What a record says in `how`, for the columns ended, hung, wrong and silent.
WAYS = (
    ("exit", "fault", "killed", "start", "blamed"),
    ("hang",),
    ("wrong", "complaint"),
    ("silence",),
)
TIMES = ("min", "median", "p90", "max")


@dataclass(frozen=True)
class Fault:
    """One record of the guest; times are microseconds of guest time. docs/faults.md explains the fields."""

    seed: int
    number: int
    service: str
    kind: str
    at: int
    how: str
    by: str
    noticed: int
    recovered: bool
    took: int
    restarts: int
    others: int
    lost: int
    latent: str
    laggard: str

    @classmethod
    def of(cls, seed: int, record: dict[str, Any]) -> Fault:
        fields = {name: value for name, value in record.items() if name != "record"}
        return cls(seed, **{**fields, "recovered": bool(record["recovered"])})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def manifested(self) -> bool:
        return bool(self.how)


def counts(faults: Sequence[Fault]) -> list[int]:
    """In the order of COLUMNS."""
    return [
        len(faults),
        sum(fault.manifested for fault in faults),
        *(sum(fault.how in hows for fault in faults) for hows in WAYS),
        *(sum(fault.by == who for fault in faults) for who in ("init", "client")),
        sum(fault.recovered for fault in faults),
        sum(fault.lost for fault in faults),
    ]


def quantile(ordered: Sequence[int], share: float) -> int:
    """The smallest value that so large a share of all does not exceed."""
    return ordered[max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1)]


def times(faults: Sequence[Fault]) -> list[str]:
    """Milliseconds from noticing a failure to being well again, in the order of TIMES."""
    took = sorted(fault.took for fault in faults if fault.recovered)
    if not took:
        return ["-"] * len(TIMES)
    return [f"{value / 1000:.1f}" for value in (took[0], quantile(took, 0.5), quantile(took, 0.9), took[-1])]


def table(faults: Sequence[Fault], by: str) -> list[str]:
    """Lines for people: a head, one line for each value of the field `by`, and the sum."""
    names = sorted({getattr(fault, by) for fault in faults})
    rows = [(name, [fault for fault in faults if getattr(fault, by) == name]) for name in names]
    if len(rows) > 1:
        rows.append(("all", list(faults)))
    width = max([len(by), *(len(name) for name, _ in rows)])
    head = " ".join(f"{column:>{max(6, len(column))}}" for column in COLUMNS)
    lines = [f"{by:{width}} {head}  ms: " + " ".join(f"{name:>7}" for name in TIMES)]
    for name, chosen in rows:
        figures = zip(COLUMNS, counts(chosen), strict=True)
        cells = " ".join(f"{value:{max(6, len(column))},}" for column, value in figures)
        lines.append(f"{name:{width}} {cells}      " + " ".join(f"{value:>7}" for value in times(chosen)))
    return lines


def summary(faults: Sequence[Fault], late: int = 0) -> str:
    """`late`: failures that needed help when the faults behind them had been counted as without effect."""
    manifested = sum(fault.manifested for fault in faults) + late
    recovered = sum(fault.recovered for fault in faults if fault.manifested)
    share = 100 * recovered / manifested if manifested else 100
    return (
        f"{len(faults):,} faults injected, {manifested:,} manifested{f' ({late:,} of them late)' if late else ''},"
        f" {recovered:,} recovered without help ({share:.2f} %)"
    )
