# SPDX-License-Identifier: Apache-2.0
"""Single events as objects, with the names that the schema gives to their fields and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft.trace.schema import schema

EVENT_ID: dict[str, int] = {name: event["id"] for name, event in schema.EVENTS.items()}
EVENT_NAME: dict[int, str] = {number: name for name, number in EVENT_ID.items()}
ENUMS: dict[str, dict[str, int]] = schema.ENUMS
ENUM_NAMES = {name: {number: value for value, number in values.items()}
              for name, values in ENUMS.items()}
_LAYOUT = {event["id"]: tuple(event["fields"].items()) for event in schema.EVENTS.values()}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: when (ns), where, what, and its fields by name."""

    time: int
    cpu: int
    name: str
    fields: dict[str, Any]


def decode(time: int, cpu: int, word0: int, payload: int) -> Event:
    """An Event from the two words of a record."""
    id_ = word0 >> 48 & 0xFF
    slots = {"small": word0 >> 56, "a": payload & 0xFFFFFFFF, "b": payload >> 32,
             "wide": payload}
    fields = {name: value_of(type_, slots[slot]) for slot, (name, type_) in _LAYOUT[id_]}
    return Event(time, cpu, EVENT_NAME[id_], fields)


def text_of(word: int) -> str:
    """Up to four characters out of a name's piece; what cannot be printed becomes a question mark."""
    characters = word.to_bytes(4, "little").rstrip(b"\0")
    return "".join(chr(c) if 0x20 <= c < 0x7F else "?" for c in characters)


def value_of(type_: str, value: int) -> Any:
    """A field's value as its type says: enums by name, text as text, the rest as numbers."""
    if type_.startswith("enum "):
        return ENUM_NAMES[type_.removeprefix("enum ")].get(value, value)
    if type_ == "signed":
        return value - (1 << 32) if value & 0x80000000 else value
    if type_ == "characters":
        return text_of(value)
    if type_ == "syscall":
        return schema.SYSCALLS[value] if value < len(schema.SYSCALLS) else value
    return value
