# SPDX-License-Identifier: Apache-2.0
"""Reads the tables of weft-trace without NumPy, as `weft bench` stands on the standard library alone.

    for client, enter in rows_of(path.read_bytes(), ("client", "enter")): ...

The file is an array of records in NumPy's format, version 1.0; all columns are little-endian integers.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator, Sequence
from operator import itemgetter

from weft.bench.errors import BenchError

MAGIC = b"\x93NUMPY\x01\x00"
CODES = {"<u8": "Q", "<i8": "q", "<u4": "I", "<i4": "i", "<u2": "H", "|u1": "B", "<u1": "B", "u1": "B"}


def rows_of(data: bytes, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """The chosen columns of each row; there must be at least two."""
    length = int.from_bytes(data[8:10], "little")
    try:
        if data[:8] != MAGIC:
            raise ValueError("no table of this format")
        header = ast.literal_eval(data[10 : 10 + length].decode("latin-1").strip())
        names = [name for name, _ in header["descr"]]
        row = struct.Struct("<" + "".join(CODES[kind] for _, kind in header["descr"]))
        chosen = itemgetter(*(names.index(column) for column in columns))
        (count,) = header["shape"]
        body = memoryview(data)[10 + length :]
        if len(body) != count * row.size:
            raise ValueError(f"{len(body)} bytes instead of {count} rows of {row.size}")
    except (KeyError, SyntaxError, ValueError) as error:
        raise BenchError(f"weft-trace table: {error}") from error
    return map(chosen, row.iter_unpack(body))
