# SPDX-License-Identifier: Apache-2.0
"""A guest's trace rings straight from its memory, past the tools that are under test.

    for ring in rings_of(guest.machine):
        ring.written         how many records the kernel has ever written there
        ring.last            the 16 bytes of the newest one
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from weft.harness.guest import Guest
from weft.machine import Machine
from weft.mask import ENTRY, HEADER, KERNEL_BASE
from weft.symbols import symbol_address

PAGE, RECORD = 4096, 16
STATE = struct.Struct("<QQQQQ")  # struct trace_ring
ONCE = 1


@dataclass(frozen=True)
class Ring:
    cpu: int
    kind: int
    pages: int
    written: int
    last: bytes


def rings_of(machine: Machine) -> list[Ring]:
    """Of a guest that does not run."""
    file, at = machine.memory.descriptor, symbol_address(machine.config.kernel, "trace_area") - KERNEL_BASE
    header = HEADER.unpack(os.pread(file, HEADER.size, at))
    count, once = header[7], bool(header[10] & ONCE)
    found = []
    for state_at, cpu, kind in ENTRY.iter_unpack(os.pread(file, ENTRY.size * count, at + HEADER.size)):
        next_, base, size, paddr, sequence = STATE.unpack(os.pread(file, STATE.size, state_at))
        pages = size // PAGE
        page = pages if once and sequence >= pages else sequence % pages
        inside = (next_ - base - page * PAGE) // RECORD - 1
        place = next_ - RECORD
        if inside == 0 and sequence:  # the page was opened and has no record yet
            page = pages if once and sequence > pages else (sequence - 1) % pages
            place = base + (page + 1) * PAGE - RECORD
        found.append(Ring(cpu, kind, pages, sequence * (PAGE // RECORD - 1) + inside,
                          os.pread(file, RECORD, place - base + paddr)))
    return found


def assert_nothing_is_missing(guest: Guest, capture: Path) -> list[tuple[Ring, int]]:
    """Each ring's newest record is the capture's newest, and what is not there was counted exactly. Returns
    the rings with the number of records that each has lost."""
    import weft.trace

    trace, found = weft.trace.load(capture), []
    rings = rings_of(guest.machine)
    assert {(ring.cpu, ring.kind) for ring in rings} == {(cpu, kind) for cpu in range(trace.cpu_count) for kind in (0, 1)}
    for ring in rings:
        records = trace.events(ring.cpu) if ring.kind == 0 else trace.life(ring.cpu)
        assert (ring.written == 0) == (len(records) == 0)
        if not ring.written:
            continue
        is_page = records["id"] == weft.trace.EVENT_ID["page"]
        pages = records["a"][is_page]
        lost = (int(pages[-1]) + 1 - len(pages)) * (PAGE // RECORD - 1)
        assert ring.written == int((~is_page).sum()) + lost
        assert ring.last == records[~is_page][-1].tobytes()
        found.append((ring, lost))
    dump = subprocess.run([guest.tree.trace_tool, "dump", "--json", capture], capture_output=True, text=True, check=True)
    events = (json.loads(line) for line in dump.stdout.splitlines() if '"records"' in line)
    assert sum(event["records"] for event in events) == sum(lost for _, lost in found)
    return found
