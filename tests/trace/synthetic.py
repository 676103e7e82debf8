# SPDX-License-Identifier: Apache-2.0
"""Writes captures by hand, for tests of the trace tools that need no guest.

    capture = Capture(cpus=2)
    capture.thread(10, "ping", process=5)
    capture.event(0, 1000, "switch", state=2, previous=1, next=10)
    capture.write(path)

Events are given by the names of the schema, so a test reads like the story that it tells. Times are
ticks. The writer lays records out in pages as the kernel does; `lose()` skips pages of a CPU's
ring, so that the gap can be planted where a test wants it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import weft_trace_schema as schema

MAGIC = b"WEFTCAP1"
PAGE = 4096
RECORDS_PER_PAGE = 255
EVENTS, LIFE, METADATA = 0, 1, 2
KERNEL_PROCESS = 1


def record(time: int, id_: int, small: int = 0, a: int = 0, b: int = 0) -> bytes:
    """The 16 bytes of a record."""
    word0 = time & schema.TIME_MASK | id_ << 48 | small << 56
    return struct.pack("<QII", word0, a & 0xFFFFFFFF, b & 0xFFFFFFFF)


@dataclass
class Ring:
    """The records of one CPU and kind, in pages."""

    pages: list[bytearray] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    next_sequence: int = 0

    def add(self, written: bytes, time: int) -> None:
        if not self.pages or len(self.pages[-1]) == PAGE or self.next_sequence > self.sequences[-1] + 1:
            header = record(time, schema.EVENTS["page"]["id"], a=self.next_sequence)
            self.pages.append(bytearray(header))
            self.sequences.append(self.next_sequence)
            self.next_sequence += 1
        self.pages[-1] += written

    def lose(self, pages: int) -> None:
        """Leaves out pages. The last page is filled up with timer events at its last time."""
        if self.pages:
            time = struct.unpack_from("<Q", self.pages[-1], len(self.pages[-1]) - 16)[0]
            filler = record(time, schema.EVENTS["timer"]["id"])
            self.pages[-1] += filler * ((PAGE - len(self.pages[-1])) // 16)
        self.next_sequence += pages

    @property
    def bytes(self) -> bytes:
        running = 0
        for page in self.pages:
            running = self._name_running(page, running)
        return b"".join(self.pages)

    @staticmethod
    def _name_running(page: bytearray, running: int) -> int:
        """Lets the page's first record say who runs: its first switch tells, or what came before.
        Returns who runs at its end."""
        first = running
        told = False
        for offset in range(16, len(page), 16):
            id_, a, b = struct.unpack_from("<6xBxII", page, offset)
            if id_ == schema.EVENTS["switch"]["id"]:
                first = first if told else a
                running, told = b, True
            elif id_ in (schema.EVENTS["ipc_call_direct"]["id"], schema.EVENTS["ipc_reply_direct"]["id"]):
                running, told = a, True
        struct.pack_into("<I", page, 12, first)
        return running


@dataclass
class Capture:
    """A capture in the making. The idle thread of CPU c has the id 100 + c.

    A CPU with an entry in `clocks` shows what that makes of the true time, but for time 0.
    """

    cpus: int = 1
    clock_hz: int = 1_000_000_000
    build: str = "synthetic"
    metadata: str | None = None
    clocks: Mapping[int, Callable[[int], int]] = field(default_factory=dict)
    rings: dict[tuple[int, int], Ring] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.process(KERNEL_PROCESS, "kernel")
        for cpu in range(self.cpus):
            self.event(cpu, 0, "thread_idle", cpu=cpu, thread=self.idle(cpu),
                       process=KERNEL_PROCESS)
            self.name("thread", self.idle(cpu), f"idle/{cpu}", cpu=cpu)

    @staticmethod
    def idle(cpu: int) -> int:
        return 100 + cpu

    def ring(self, cpu: int, kind: int) -> Ring:
        return self.rings.setdefault((cpu, kind), Ring())

    def event(self, cpu: int, time: int, name: str, /, **values: int | str) -> None:
        """Adds one event; fields by their names in the schema, enums by value or name."""
        if time and cpu in self.clocks:
            time = self.clocks[cpu](time)
        event = schema.EVENTS[name]
        kind = LIFE if event["category"] == "life" else EVENTS
        slots = {"small": 0, "a": 0, "b": 0}
        for slot, (field_name, type_) in event["fields"].items():
            value = values.pop(field_name, 0)
            if isinstance(value, str):
                value = schema.ENUMS[type_.removeprefix("enum ")][value]
            slots[slot] = value
        assert not values, f"{name} has no field {next(iter(values))}"
        if "wide" in slots:
            wide = slots.pop("wide")
            slots["a"], slots["b"] = wide & 0xFFFFFFFF, wide >> 32
        self.ring(cpu, kind).add(record(time, event["id"], **slots), time)

    def name(self, kind: str, id_: int, text: str, cpu: int = 0, process: int | None = None,
             time: int = 0) -> None:
        number = schema.ENUMS["name_kind"][kind] << 4
        if process is not None:
            self.event(cpu, time, "name", piece=number | 15, id=id_, text=process)
        data = text.encode()
        for piece in range(max(1, (len(data) + 3) // 4)):
            part = int.from_bytes(data[piece * 4:piece * 4 + 4], "little")
            self.event(cpu, time, "name", piece=number | piece, id=id_, text=part)

    def process(self, id_: int, name: str, parent: int = 0) -> None:
        self.event(0, 0, "process_create", process=id_, parent=parent)
        self.name("process", id_, name)

    def thread(self, id_: int, name: str, process: int, cpu: int = 0) -> None:
        self.event(cpu, 0, "thread_create", cpu=cpu, thread=id_, process=process)
        self.name("thread", id_, name, cpu=cpu)

    def to_bytes(self) -> bytes:
        sections, bodies = [], []
        count = len(self.rings) + (self.metadata is not None)
        header_size = -(-(112 + 40 * count) // PAGE) * PAGE
        offset = header_size
        parts = [(kind, cpu, ring.bytes, ring.sequences[0], ring.sequences[0] * RECORDS_PER_PAGE)
                 for (cpu, kind), ring in sorted(self.rings.items())]
        if self.metadata is not None:
            parts.append((METADATA, 0, self.metadata.encode(), 0, 0))
        for kind, cpu, body, first, lost in parts:
            sections.append(struct.pack("<IIQQQQ", kind, cpu, offset, len(body), first, lost))
            body += bytes(-len(body) % PAGE)
            bodies.append(body)
            offset += len(body)
        header = struct.pack("<8sIIQQIIQ64s", MAGIC, header_size, 16, schema.SCHEMA_HASH, self.clock_hz,
                             self.cpus, len(sections), offset, self.build.encode())
        header += b"".join(sections)
        return header.ljust(header_size, b"\0") + b"".join(bodies)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.to_bytes())
        return path
