# SPDX-License-Identifier: Apache-2.0
"""Makes the inputs that fuzzing of the trace tools begins with: the stories, and pieces of real captures.

    python tests/trace/fuzz_seeds.py FOLDER [CAPTURE.weft ...]

A folder for each of the programs comes out. tests/host/trace_reader_fuzz.c says what an input is: a head of
16 bytes, then either items of 16 bytes, one for each record in the order of time, or a file whose header is
cut to HEAD bytes. Those of trace_guest_fuzz.c are the same records on their way into the guest's rings, and
an ELF file.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, getmembers, isfunction, signature
from pathlib import Path

import stories
import weft_trace_schema as schema
from guest_memory import kernel_elf
from stories import Story
from synthetic import LIFE, METADATA, PAGE, Capture

HEAD = 112 + 4 * 40  # of a file: the header and four sections
BYTES_MAX = 640  # of an input: small ones are fast, and most of what matters needs few events
ITEMS_MAX = BYTES_MAX // 16 - 1
PIECES_MAX = 40  # of one capture
RAW, ELF = 0x80, 0x40  # in an input's first byte
ID, SMALL = schema.RECORD["offsets"][2:4]


def _time(word: int) -> int:
    return word & schema.TIME_MASK


@dataclass(frozen=True)
class Record:
    """One event of a capture."""

    time: int
    cpu: int
    id: int
    small: int
    words: bytes

    def item(self, before: int, place: int) -> bytes:
        """As an item that follows a record of the time `before`."""
        step = min(max(self.time - before, 0), 0xFFFFFFFF)
        return struct.pack("<BBBBI", self.id, self.small, place & 0xFF, 0, step) + self.words


def _records(capture: bytes) -> Iterator[tuple[int, Record]]:
    """Each record with its section's kind, those that open pages left out."""
    count = struct.unpack_from("<I", capture, 36)[0]
    for index in range(count):
        kind, cpu, offset, length = struct.unpack_from("<IIQQ", capture, 112 + 40 * index)
        for at in range(offset, offset + length if kind != METADATA else offset, 16):
            if capture[at + ID] != schema.EVENTS["page"]["id"]:
                time = _time(struct.unpack_from("<Q", capture, at)[0])
                yield kind, Record(time, cpu, capture[at + ID], capture[at + SMALL], capture[at + 8:at + 16])


def _is_more_of_a_name(record: Record) -> bool:
    """The pieces after the first: room for events is worth more."""
    return record.id == schema.EVENTS["name"]["id"] and record.small & 15 not in (0, 15)


def _items(records: list[Record], place: Callable[[Record], int]) -> bytes:
    before = [records[0].time if records else 0, *(record.time for record in records)]
    return b"".join(record.item(time, place(record))
                    for record, time in zip(records, before, strict=False))


def items_inputs(capture: bytes) -> Iterator[bytes]:
    """The capture in pieces: each with the names of all there is as far as there is room, then events."""
    found = list(_records(capture))
    life = [record for kind, record in found if kind == LIFE and not _is_more_of_a_name(record)]
    life = life[:ITEMS_MAX // 2]
    events = sorted((record for kind, record in found if kind != LIFE), key=lambda record: record.time)
    room = ITEMS_MAX - len(life)
    for start in range(0, min(max(len(events), 1), PIECES_MAX * room), room):
        piece = events[start:start + room]
        yield bytes(16) + _items(life, lambda one: one.cpu) + _items(piece, lambda one: one.cpu)


def guest_inputs(capture: bytes) -> Iterator[bytes]:
    """The first records of each ring, as a kernel of two CPUs would write them."""
    for kind, cpu in ((0, 0), (0, 1), (1, 0)):
        ring = [record for section, record in _records(capture) if (section, record.cpu) == (kind, cpu)]
        place = cpu % 2 * 2 + kind
        yield bytes(16) + _items(ring[:ITEMS_MAX], lambda _, place=place: place)


def file_input(capture: Capture) -> bytes:
    """A file without the padding between its sections, its header cut to HEAD bytes."""
    table, body = [], b""
    for (cpu, kind), ring in sorted(capture.rings.items()):
        table.append(struct.pack("<IIQQQQ", kind, cpu, PAGE + len(body), len(ring.bytes),
                                 ring.sequences[0], ring.sequences[0] * 255))
        body += ring.bytes
    header = struct.pack("<8sIIQQIIQ64s", b"WEFTCAP1", PAGE, 16, 0, 10**9, capture.cpus, len(table),
                         0, b"fuzz")
    return bytes([RAW]) + bytes(15) + (header + b"".join(table)).ljust(HEAD, b"\0") + body


def told() -> Iterator[tuple[str, Story]]:
    """Each story on its own, and all of them one after the other."""
    for name, tell in getmembers(stories, isfunction):
        if _is_story(tell):
            story = Story()
            tell(story)
            yield name, story
    for rounds in (0, 1, 2):
        yield f"whole-{rounds}", stories.whole(rounds)


def _is_story(tell: Callable) -> bool:
    first, *others = signature(tell).parameters.values() or [None]
    return (tell.__module__ == "stories" and first is not None and first.name == "story"
            and all(other.default is not Parameter.empty for other in others))


def write_seeds(folder: Path, captures: list[Path]) -> None:
    """Fills the folders of both programs."""
    told_stories = list(told())
    inputs = [(name, story.capture.to_bytes()) for name, story in told_stories]
    inputs += [(path.stem, path.read_bytes()) for path in captures]
    seeds = {"reader": {}, "guest": {"elf": bytes([ELF]) + bytes(31), "elf-file": bytes([RAW]) + bytes(15) + kernel_elf()}}
    for name, capture in inputs:
        seeds["reader"] |= {f"{name}-{number}": data for number, data in enumerate(items_inputs(capture))}
        seeds["guest"] |= {f"{name}-{number}": data for number, data in enumerate(guest_inputs(capture))}
    seeds["reader"] |= {f"file-{name}": file_input(story.capture) for name, story in told_stories}
    for program, named in seeds.items():
        place = folder / f"trace_{program}_fuzz"
        place.mkdir(parents=True, exist_ok=True)
        for name, data in named.items():
            (place / name).write_bytes(data[:BYTES_MAX])


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
