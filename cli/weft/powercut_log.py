# SPDX-License-Identifier: Apache-2.0
"""What was written to a disk, and what a power cut could have left of it.

QEMU's filter `blklogwrites` notes each write and each flush in the order in which the disk got them (the format of Linux's
dm-log-writes). A disk may lose what was written since the last flush, in any part: `image_at` makes what a
cut at some place of the log leaves behind.

    writes = read_log(path)
    for cut in cuts(writes, size, places, random): ...

A sector is written as a whole or not at all; that much disks promise.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft.disk import SECTOR
from weft.failure import Failure

MAGIC = 0x6A736677736872
HEAD = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
FLUSH, DISCARD = 1, 4
WAYS = ("all", "torn", "some", "sectors", "none")  # what is left of the writes since the last flush


@dataclass(frozen=True)
class Write:
    """One entry: data for a place, or (without) a flush."""

    offset: int
    data: bytes
    flush: bool


@dataclass(frozen=True)
class Cut:
    """What a cut before entry `place` of the log left. `lost`: writes that are not there, or not as a whole."""

    place: int
    way: str
    image: bytes
    claim: bytes  # what had been written last where claims are
    lost: int


def read_log(path: Path) -> list[Write]:
    data = path.read_bytes()
    if len(data) < HEAD.size:
        raise Failure(f"{path} is no log of writes")
    magic, version, count, step = HEAD.unpack_from(data)
    if magic != MAGIC or version != 1 or step < ENTRY.size:
        raise Failure(f"{path} is no log of writes")
    writes, at = [], step
    for _ in range(count):
        sector, sectors, flags, _ = ENTRY.unpack_from(data, at)
        at += step
        length = 0 if flags & DISCARD else sectors * step
        if flags & FLUSH:
            writes.append(Write(0, b"", flush=True))
        if length:
            writes.append(Write(sector * step, data[at : at + length], flush=False))
        at += length
    return writes


def cuts(writes: list[Write], size: int, claim: int, places: list[int], chance: random.Random,
         deaf: bool = False) -> Iterator[Cut]:  # fmt: skip
    """A cut at each of the places, which are in order. `claim` is where claims are written. A `deaf` disk
    forgets its flushes too."""
    stable, kept, last_claim, at = bytearray(size), 0, bytes(SECTOR), 0
    for place in places:
        for index in range(at, place):
            write = writes[index]
            if write.flush and not deaf:
                for done in writes[kept:index]:
                    stable[done.offset : done.offset + len(done.data)] = done.data
                kept = index
            if not write.flush and write.offset <= claim < write.offset + len(write.data):
                last_claim = write.data[claim - write.offset :][:SECTOR]
        at = place
        pending = [write for write in writes[kept:place] if not write.flush]
        yield _lose(stable, pending, place, last_claim, chance)


def _lose(stable: bytearray, pending: list[Write], place: int, claim: bytes, chance: random.Random) -> Cut:
    way = chance.choice(WAYS)
    image, lost = bytearray(stable), 0
    for index, write in enumerate(pending):
        keep = len(write.data)
        if way == "none" or (way == "some" and chance.random() < 0.5):
            keep = 0
        elif way == "torn" and index == len(pending) - 1:
            keep = chance.randrange(keep // SECTOR) * SECTOR
        if way == "sectors":
            kept = [at for at in range(0, keep, SECTOR) if chance.random() < 0.5]
            for at in kept:
                image[write.offset + at : write.offset + at + SECTOR] = write.data[at : at + SECTOR]
            lost += len(kept) * SECTOR < keep
            continue
        image[write.offset : write.offset + keep] = write.data[:keep]
        lost += keep < len(write.data)
    return Cut(place, way, bytes(image), claim, lost)
