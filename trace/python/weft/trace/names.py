# SPDX-License-Identifier: Apache-2.0
"""Names of threads, processes, objects and user strings, from the life records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from weft.trace.events import ENUM_NAMES, EVENT_ID, text_of

OWNER_PIECE = 15  # the piece of a user string's name that carries its process


@dataclass
class Names:
    """Dictionaries by id. A string's key is (process, id), with process 0 for "any"."""

    threads: dict[int, str] = field(default_factory=dict)
    processes: dict[int, str] = field(default_factory=dict)
    process_of: dict[int, int] = field(default_factory=dict)  # thread -> process
    idle: dict[int, int] = field(default_factory=dict)  # CPU -> idle thread
    objects: dict[int, tuple[str, int]] = field(default_factory=dict)  # -> (kind, process)
    strings: dict[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, life: Iterable[np.ndarray]) -> Names:
        names = cls()
        for records in life:
            owner = 0
            rows = zip(records["id"].tolist(), records["small"].tolist(), records["a"].tolist(),
                       records["b"].tolist(), strict=True)
            for id_, small, a, b in rows:
                owner = names._take(id_, small, a, b, owner)
        return names

    def _take(self, id_: int, small: int, a: int, b: int, owner: int) -> int:
        if id_ == EVENT_ID["thread_create"]:
            self.process_of[a] = b
        elif id_ == EVENT_ID["thread_idle"]:
            self.process_of[a] = b
            self.idle[small] = a
            self.threads.setdefault(a, f"idle/{small}")
        elif id_ == EVENT_ID["object_create"]:
            self.objects[a] = (ENUM_NAMES["object_kind"].get(small, "object"), b)
        elif id_ == EVENT_ID["name"]:
            return self._take_name(small >> 4, small & 15, a, b, owner)
        return owner

    def _take_name(self, kind: int, piece: int, id_: int, text: int, owner: int) -> int:
        name = ENUM_NAMES["name_kind"].get(kind)
        if name == "user" and piece == OWNER_PIECE:
            return text
        part = text_of(text)
        table, key = {"thread": (self.threads, id_), "process": (self.processes, id_),
                      "user": (self.strings, (owner, id_))}.get(name, ({}, 0))
        table[key] = part if piece == 0 else table.get(key, "") + part
        return owner
