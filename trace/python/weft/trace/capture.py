# SPDX-License-Identifier: Apache-2.0
"""A capture file, mapped: header, sections, records."""

from __future__ import annotations

import heapq
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.trace.events import EVENT_ID, Event, decode
from weft.trace.names import Names
from weft.trace.schema import schema
from weft.trace.tables import make_frame, read_table, write_parquet

if TYPE_CHECKING:
    import pandas as pd

MAGIC = b"WEFTCAP1"
HEADER = struct.Struct("<8sIIQQIIQ64s")
SECTION = struct.Struct("<IIQQQQ")
EVENTS, LIFE, METADATA, CLOCKS = 0, 1, 2, 3
CLOCK = np.dtype([
    ("cpu", "<u4"), ("flags", "<u4"), ("offset", "<i8"), ("drift", "<i8"), ("base", "<u8"),
    ("lower", "<i8"), ("upper", "<i8"), ("drift_lower", "<i8"), ("drift_upper", "<i8"),
    ("boot_lower", "<i8"), ("boot_upper", "<i8"), ("crossings", "<u8"),
])
CLOCK_CORRECTED = 2
DRIFT_UNIT = 10**12
RECORD = np.dtype(schema.RECORD)
TIME_BITS = 48
NO_RECORDS = np.empty(0, RECORD)


class CaptureError(Exception):
    """The file is no capture, or not one of this schema; the text says which."""


@dataclass(frozen=True)
class Section:
    """One CPU's ring (or the metadata): where it lies in the file and what came before it."""

    kind: int
    cpu: int
    offset: int
    bytes: int
    first_sequence: int
    lost: int


@dataclass
class Capture:
    """A loaded capture. Arrays are read-only views of the file and stay valid with this object."""

    path: Path
    clock_hz: int
    cpu_count: int
    build: str
    sections: tuple[Section, ...]
    _data: np.memmap = field(repr=False)

    def events(self, cpu: int) -> np.ndarray:
        """The records of everything that happened on the CPU, in its order."""
        return self._records(EVENTS, cpu)

    def life(self, cpu: int) -> np.ndarray:
        """The CPU's records of names, creations and ends."""
        return self._records(LIFE, cpu)

    def _records(self, kind: int, cpu: int) -> np.ndarray:
        for section in self.sections:
            if (section.kind, section.cpu) == (kind, cpu):
                return self._data[section.offset:section.offset + section.bytes].view(RECORD)
        return NO_RECORDS

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """How the guest was run; empty when nobody said."""
        for section in self.sections:
            if section.kind == METADATA:
                raw = self._data[section.offset:section.offset + section.bytes].tobytes()
                return json.loads(raw)
        return {}

    @cached_property
    def clocks(self) -> np.ndarray:
        """What was measured of each CPU's clock, in ns (docs/trace-format.md); empty if nothing was."""
        for section in self.sections:
            if section.kind == CLOCKS:
                return self._data[section.offset:section.offset + section.bytes].view(CLOCK)
        return np.empty(0, CLOCK)

    def corrected(self, cpu: int, times: np.ndarray) -> np.ndarray:
        """Nanoseconds of a CPU's own clock as CPU 0's: what `table` and `for event in capture` show."""
        if cpu >= len(self.clocks) or not self.clocks["flags"][cpu] & CLOCK_CORRECTED:
            return times
        clock = self.clocks[cpu]
        offset, drift, base = (int(clock[name]) for name in ("offset", "drift", "base"))
        if not drift:
            return np.maximum(times - offset, 0)
        # In whole numbers as large as it takes, rounded towards 0: as the reader in C does it.
        products = [drift * (time - base) for time in times.tolist()]
        ahead = [offset + (p // DRIFT_UNIT if p >= 0 else -(-p // DRIFT_UNIT)) for p in products]
        return np.maximum(times - np.array(ahead, np.int64), 0)

    @cached_property
    def names(self) -> Names:
        """Who is who: threads, processes, objects, strings."""
        return Names.of([self.life(cpu) for cpu in range(self.cpu_count)])

    def times(self, records: np.ndarray) -> np.ndarray:
        """Times of one CPU's records in ticks, without the wrap of the 48-bit stamps."""
        raw = records["word0"] & np.uint64(schema.TIME_MASK)
        if len(raw) == 0:
            return raw.astype(np.int64)
        steps = np.diff(raw.astype(np.int64), prepend=np.int64(raw[0]))
        half, whole = 1 << TIME_BITS - 1, 1 << TIME_BITS
        steps = (steps + half) % whole - half
        return np.int64(raw[0]) + np.cumsum(steps)

    def nanoseconds(self, ticks: np.ndarray) -> np.ndarray:
        """Ticks as whole nanoseconds of the guest's clock."""
        if self.clock_hz in (0, 1_000_000_000):
            return ticks
        seconds, rest = np.divmod(ticks, self.clock_hz)
        return seconds * 1_000_000_000 + rest * 1_000_000_000 // self.clock_hz

    def table(self, name: str) -> np.ndarray:
        """What happened as rows, a structured array (weft.trace.tables says which tables there are)."""
        return read_table(self.path, name)

    def frame(self, name: str) -> pd.DataFrame:
        """The same as a pandas DataFrame, with names, durations and stages. Needs pandas."""
        return make_frame(self, name)

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Writes every table into a folder, a Parquet file each. Needs pandas and pyarrow."""
        return write_parquet(self, Path(folder))

    def _stream(self, section: Section) -> Iterator[tuple[int, int, int, int, int]]:
        records = self._data[section.offset:section.offset + section.bytes].view(RECORD)
        times = self.corrected(section.cpu, self.nanoseconds(self.times(records)))
        kept = records["id"] != EVENT_ID["page"]
        columns = (times[kept], records["word0"][kept], records["payload"][kept])
        for time, word0, payload in zip(*(column.tolist() for column in columns), strict=True):
            yield time, section.cpu, -section.kind, word0, payload

    def __iter__(self) -> Iterator[Event]:
        """All events of all CPUs in the order of time."""
        streams = [self._stream(s) for s in self.sections if s.kind in (EVENTS, LIFE)]
        for time, cpu, _, word0, payload in heapq.merge(*streams, key=lambda item: item[:3]):
            yield decode(time, cpu, word0, payload)


def load(path: str | Path) -> Capture:
    """Maps a capture file. Raises CaptureError with one line for anything else."""
    path = Path(path)
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: {error}") from error
    if len(data) < HEADER.size or data[:8].tobytes() != MAGIC:
        raise CaptureError(f"{path}: not a Weft capture")
    fields = HEADER.unpack(data[:HEADER.size].tobytes())
    _, header_size, record_size, schema_hash, hz, cpus, count, file_size, build = fields
    if schema_hash != schema.SCHEMA_HASH:
        raise CaptureError(f"{path}: made with another event schema ({schema_hash:016x}, "
                           f"this one is {schema.SCHEMA_HASH:016x})")
    if (file_size != len(data) or record_size != RECORD.itemsize or header_size > len(data)
            or HEADER.size + count * SECTION.size > header_size):
        raise CaptureError(f"{path}: cut short or damaged")
    table = data[HEADER.size:HEADER.size + count * SECTION.size].tobytes()
    sections = tuple(Section(*row) for row in SECTION.iter_unpack(table))
    for section in sections:
        if (section.offset + section.bytes > len(data) or section.offset < header_size
                or (section.kind in (EVENTS, LIFE) and section.bytes % RECORD.itemsize)):
            raise CaptureError(f"{path}: cut short or damaged")
    return Capture(path, hz, cpus, build.split(b"\0")[0].decode("ascii", "replace"), sections, data)
