# SPDX-License-Identifier: Apache-2.0
"""What tests/guest/power_cut.c claims to be on its disk, and whether it is.

The claim is one sector behind the file system's last whole block. It says what each place holds, and how the places of the
change that was under way become. After a cut, each place holds what is claimed; only those of that change
may all have become already.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weft.disk import BLOCK, SECTOR, Disk, DiskError

MARK = 0x6D69616C63746677
FILES = 12
DIRECTORIES = 4
PLACES = FILES + DIRECTORIES
HEAD = struct.Struct("<4Q")
NEXT = struct.Struct("<3Q")
PLACE = struct.Struct("<2Q")

State = tuple[int, int]  # version (0: not there) and size


@dataclass(frozen=True)
class Claim:
    turn: int
    places: tuple[State, ...]
    becomes: dict[int, State]


NOTHING = Claim(0, ((0, 0),) * PLACES, {})


def claim_offset(size: int) -> int:
    """Where the claim is in a disk of so many bytes."""
    return size // BLOCK * BLOCK


def read_claim(sector: bytes) -> Claim:
    mark, turn, _, changing = HEAD.unpack_from(sector)
    if mark != MARK:
        return NOTHING
    at = HEAD.size
    changes = [NEXT.unpack_from(sector, at + i * NEXT.size) for i in range(2)][:changing]
    at += 2 * NEXT.size
    places = tuple(PLACE.unpack_from(sector, at + i * PLACE.size) for i in range(PLACES))
    return Claim(turn, places, {place: (version, size) for place, version, size in changes})


def claim_of(image: Path) -> Claim:
    with image.open("rb") as file:
        file.seek(claim_offset(image.stat().st_size))
        return read_claim(file.read(SECTOR))


def path_of(place: int) -> str:
    if place < FILES:
        return f"/d{place % DIRECTORIES}/f{chr(ord('a') + place)}"
    return f"/e{place - FILES}"


def content(version: int, size: int) -> bytes:
    words = np.arange(size // 8, dtype="<u8") | np.uint64(1 << 48 | version << 28)
    return bytes(words.tobytes())


def check_image(image: Path, claim: Claim) -> str:
    """What is wrong with an image whose claim is this; empty if nothing is."""
    try:
        with Disk(image) as disk:
            disk.check()
            return _compare(disk, claim)
    except DiskError as error:
        if claim == NOTHING and _untouched(image):
            return ""
        return str(error)


def _compare(disk: Disk, claim: Claim) -> str:
    there = dict(disk.entries())

    def holds(place: int, state: State) -> bool:
        path, (version, size) = path_of(place), state
        if version == 0 or path not in there:
            return version == 0 and path not in there
        if place >= FILES:
            return there[path] is None
        return there[path] == size and disk.read(path) == content(version, size)

    changed = bool(claim.becomes) and all(holds(place, state) for place, state in claim.becomes.items())
    for place, state in enumerate(claim.places):
        wanted = claim.becomes.get(place, state) if changed else state
        if not holds(place, wanted):
            found = there.get(path_of(place), "nothing")
            return (f"{path_of(place)} is not version {wanted[0]} with {wanted[1]} bytes, which was synced by turn "
                    f"{claim.turn} (found: {'a directory' if found is None else found})")
    expected = {path_of(place) for place in range(PLACES)} | {f"/d{i}" for i in range(DIRECTORIES)} | {"/new"}
    strange = sorted(there.keys() - expected)
    return f"{strange[0]} is there, and nobody made it" if strange else ""


def _untouched(image: Path) -> bool:
    """A disk on which no file system was begun."""
    with image.open("rb") as file:
        return not any(file.read(2 * BLOCK))
