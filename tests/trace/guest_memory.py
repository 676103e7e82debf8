# SPDX-License-Identifier: Apache-2.0
"""A guest's memory file with a trace in it, and a kernel ELF file that says where, both written by hand.

    guest = GuestMemory(cpus=2, ring_pages=4)
    for event in ...: guest.append(cpu, kind, word0, payload)      # as the kernel's writer does
    guest.memory[...] = ...                                         # then damage what you like
    guest.write(ram, kernel)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import weft_trace_schema as schema

PAGE = 4096
AREA = 0x5000
RINGS = 0x100000
BASE_VIRTUAL = 0xFFFFFFFF80000000
DIRECT_MAP = 0xFFFF800000000000
AREA_MAGIC = 0x3145435254465457
PAGE_ID = schema.EVENTS["page"]["id"]
STATE = struct.Struct("<QQQQQ")  # next, base, size, base_paddr, sequence


@dataclass
class GuestMemory:
    cpus: int = 1
    ring_pages: int = 4
    size: int = 0x200000
    clock_hz: int = 1_000_000_000
    memory: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.memory = bytearray(self.size)
        count = self.cpus * 2
        header = struct.pack("<QIIQQIIII64s", AREA_MAGIC, 3, self.cpus, schema.SCHEMA_HASH,
                             self.clock_hz, 16, PAGE, count, 0, b"by hand")
        self.memory[AREA:AREA + len(header)] = header
        self.entries = AREA + len(header)
        for index in range(count):
            cpu, kind = divmod(index, 2)
            struct.pack_into("<QII", self.memory, self.entries + index * 16,
                             self.state_address(cpu, kind), cpu, kind)
            base = RINGS + index * self.ring_pages * PAGE
            self.store(cpu, kind, DIRECT_MAP + base, DIRECT_MAP + base, self.ring_pages * PAGE, base, 0)
            self._open_page(cpu, kind)

    def state_address(self, cpu: int, kind: int) -> int:
        return 0x20000 + (cpu * 2 + kind) * 64

    def _words(self, address: int, *words: int) -> None:
        """Stores 64-bit words one by one, each at once as a CPU does it: somebody may be reading."""
        with memoryview(self.memory) as all_bytes, all_bytes.cast("Q") as memory:
            for index, word in enumerate(words, address // 8):
                memory[index] = word

    def store(self, cpu: int, kind: int, *state: int) -> None:
        self._words(self.state_address(cpu, kind), *state)

    def load(self, cpu: int, kind: int) -> tuple[int, ...]:
        return STATE.unpack_from(self.memory, self.state_address(cpu, kind))

    def _put(self, cpu: int, kind: int, word0: int, payload: int) -> None:
        next_, base, size, paddr, sequence = self.load(cpu, kind)
        self._words(next_ - base + paddr, word0, payload)
        self.store(cpu, kind, next_ + 16, base, size, paddr, sequence)

    def _open_page(self, cpu: int, kind: int, time: int = 0) -> None:
        self._put(cpu, kind, time | PAGE_ID << 48, self.load(cpu, kind)[4])

    def append(self, cpu: int, kind: int, word0: int, payload: int) -> None:
        self._put(cpu, kind, word0, payload)
        next_, base, size, paddr, sequence = self.load(cpu, kind)
        if next_ % PAGE == 0:
            self.store(cpu, kind, base if next_ == base + size else next_, base, size, paddr,
                       sequence + 1)
            self._open_page(cpu, kind, word0 & schema.TIME_MASK)

    def event(self, cpu: int, time: int, value: int) -> None:
        """A user_instant with a value."""
        id_ = schema.EVENTS["user_instant"]["id"]
        self.append(cpu, 0, time | id_ << 48, value << 32 | 1)

    def write(self, ram: Path, kernel: Path) -> None:
        ram.write_bytes(self.memory)
        kernel.write_bytes(kernel_elf())


def kernel_elf(symbol: bytes = b"trace_area") -> bytes:
    """An ELF file with one segment and one symbol."""
    names = b"\0" + symbol + b"\0"
    strings_at = 0x200
    symbols_at = 0x240
    sections_at = 0x280
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x11, 0, 1, BASE_VIRTUAL + AREA, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE_VIRTUAL, 64,
                         sections_at, 0, 64, 56, 1, 64, 3, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0, BASE_VIRTUAL, 0, 0, 0x100000, PAGE)
    table = (bytes(64)
             + struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, symbols_at, len(symbols), 2, 1, 8, 24)
             + struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, strings_at, len(names), 0, 0, 1, 0))
    data = bytearray(sections_at + len(table))
    for offset, part in ((0, header), (64, segment), (strings_at, names), (symbols_at, symbols),
                         (sections_at, table)):
        data[offset:offset + len(part)] = part
    return bytes(data)
