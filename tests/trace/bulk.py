# SPDX-License-Identifier: Apache-2.0
"""Writes captures of any size, for measuring the tools: one story, told again and again.

    python tests/trace/bulk.py OUT.weft [MILLIONS]

A body of messages of all kinds, signals, interrupts and user events is laid behind itself on four CPUs
(two pairs of the cast in stories.py, each pair in processes of its own), with times that go on. The records are made by NumPy and written piece by piece, so 30 million take seconds and little
memory. `write_bulk` returns what the capture holds.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import stories
import weft_trace_schema as schema
from stories import Story
from synthetic import EVENTS, LIFE, MAGIC, PAGE, RECORDS_PER_PAGE, Capture

PAIRS = 2
OFFSET = 1000  # from the ids of one pair to those of the next
ROUNDS = 8  # in a body
TILES = 256  # bodies that are made at a time
FIELDS = {"thread": OFFSET, "process": OFFSET, "object": OFFSET, "cpu": 2}
TRAVELLERS = {"mailbox_push", "mailbox_take"}


@dataclass
class Bulk:
    """What a capture holds."""

    events: int
    messages: int
    calls: int


def _ids(words: np.ndarray) -> np.ndarray:
    return words[:, 0] >> np.uint64(48) & np.uint64(0xFF)


def _records(ring) -> np.ndarray:
    """A ring's records as pairs of words, without those that open pages."""
    words = np.frombuffer(ring.bytes, np.uint64).reshape(-1, 2)
    return words[_ids(words) != schema.EVENTS["page"]["id"]].copy()


def _tell() -> tuple[Story, dict[tuple[int, int], int], int]:
    """A story: the setting, then one body. Also how long the setting is in each ring, and when it ends."""
    story = Story()
    setting = {key: len(_records(ring)) for key, ring in story.capture.rings.items()}
    start = story.now
    for index in range(ROUNDS):
        for _ in range(4):
            stories.cross_call(story, doorbell=index % 2 == 0)
            stories.direct_call(story)
        stories.own_events(story)
        stories.signal(story)
        stories.timer(story)
        stories.one_way(story)
        stories.system_call(story)
    return story, setting, start


def _shifted(words: np.ndarray, pair: int) -> np.ndarray:
    """The same records with the ids of another pair. Names are handled by their kind."""
    words = words.copy()
    ids = _ids(words)
    for name, event in schema.EVENTS.items():
        rows = ids == event["id"]
        for slot, (field, type_) in event["fields"].items():
            step = FIELDS.get(type_, OFFSET if name in TRAVELLERS and field == "traveller" else 0) * pair
            if name == "name" and slot == "a":
                step = OFFSET * pair
            if slot == "small":
                words[rows, 0] += np.uint64(step << 56)
            elif slot in ("a", "b"):
                half = words[rows, 1] >> np.uint64(32 if slot == "b" else 0) & np.uint64(0xFFFFFFFF)
                words[rows, 1] += np.where(half, np.uint64(step << (32 if slot == "b" else 0)), np.uint64(0))
    return words


def _tiles(body: np.ndarray, first: int, count: int, period: int) -> np.ndarray:
    """`count` copies of the body, from number `first` on."""
    out = np.tile(body, (count, 1))
    turn = np.repeat(np.arange(first, first + count, dtype=np.uint64), len(body))
    out[:, 0] += turn * np.uint64(period)
    return out


class _Pages:
    """Lays records out in pages and writes them."""

    def __init__(self, file) -> None:
        self.file, self.sequence, self.rest = file, 0, np.empty((0, 2), np.uint64)

    def add(self, records: np.ndarray, last: bool = False) -> None:
        records = np.concatenate([self.rest, records])
        whole = len(records) // RECORDS_PER_PAGE
        self.rest = records[whole * RECORDS_PER_PAGE:]
        self._write(records[:whole * RECORDS_PER_PAGE].reshape(whole, RECORDS_PER_PAGE, 2))
        if last and len(self.rest):
            self._write(self.rest[None])

    def _write(self, pages: np.ndarray) -> None:
        heads = np.empty((len(pages), 1, 2), np.uint64)
        heads[:, 0, 0] = (pages[:, 0, 0] & np.uint64(schema.TIME_MASK)
                          | np.uint64(schema.EVENTS["page"]["id"] << 48))
        heads[:, 0, 1] = np.arange(self.sequence, self.sequence + len(pages), dtype=np.uint64)
        self.sequence += len(pages)
        self.file.write(np.concatenate([heads, pages], axis=1).tobytes())


def _section_bytes(records: int) -> int:
    return 16 * (records + -(-records // RECORDS_PER_PAGE))


def write_bulk(path: Path, events: int) -> Bulk:
    """A capture of at least so many events (without those that open pages)."""
    story, setting, start = _tell()
    period = story.now - start
    rings = {key: _records(ring) for key, ring in sorted(story.capture.rings.items())}
    body = sum(len(words) - setting[key] for key, words in rings.items()) * PAIRS
    turns = -(-events // body)
    sections = []
    offset = PAGE
    for pair in range(PAIRS):
        for (cpu, kind), words in rings.items():
            count = setting[cpu, kind] + (len(words) - setting[cpu, kind]) * turns
            size = _section_bytes(count)
            sections.append((kind, cpu + 2 * pair, offset, size, pair, words))
            offset += -(-size // PAGE) * PAGE
    with path.open("wb") as file:
        head = struct.pack("<8sIIQQIIQ64s", MAGIC, PAGE, 16, schema.SCHEMA_HASH, 1_000_000_000,
                           2 * PAIRS, len(sections), offset, b"synthetic")
        head += b"".join(struct.pack("<IIQQQQ", *section[:4], 0, 0) for section in sections)
        file.write(head.ljust(PAGE, b"\0"))
        for kind, cpu, _, _, pair, words in sections:
            words = _shifted(words, pair) if pair else words
            first = setting[cpu - 2 * pair, kind]
            pages = _Pages(file)
            pages.add(words[:first])
            for turn in range(0, turns, TILES):
                pages.add(_tiles(words[first:], turn, min(TILES, turns - turn), period))
            pages.add(words[:0], last=True)
            file.write(bytes(-file.tell() % PAGE))
    total = sum(setting.values()) * PAIRS + body * turns
    return Bulk(total, story.messages * turns * PAIRS, (story.messages - ROUNDS) * turns * PAIRS)


assert (EVENTS, LIFE) == (0, 1) and Capture.idle(0) < OFFSET

if __name__ == "__main__":
    millions = float(sys.argv[2]) if len(sys.argv) > 2 else 30
    print(write_bulk(Path(sys.argv[1]), int(millions * 1e6)))
