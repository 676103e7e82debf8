# SPDX-License-Identifier: Apache-2.0
"""Names for the addresses that a panicking kernel prints: its call chain, one address a line.

    weft:   ffffffff80201234            becomes
    weft:   ffffffff80201234 kernel_main+0x1f

The names are those of the kernel's ELF file. An address is one to return to, so the call lies before it:
behind a call that never returns it may already be in the next function.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from weft.failure import Failure

_ADDRESS = re.compile(r"weft:   ([0-9a-f]{16})")
_SECTION_SYMBOLS = 2
_FLAG_EXECUTABLE = 4
_KIND_NONE, _KIND_FUNCTION = 0, 2


class Symbols:
    """The functions of one kernel; read when the first address is seen."""

    def __init__(self, kernel: Path) -> None:
        self._kernel = kernel
        self._functions: list[tuple[int, str]] | None = None

    def annotate(self, line: str) -> str:
        """The line, with a name if it is a line of a call chain and the address lies in a function."""
        match = _ADDRESS.fullmatch(line)
        if match is None:
            return line
        if self._functions is None:
            self._functions = _functions(self._kernel)
        address = int(match[1], 16)
        at = bisect.bisect_left(self._functions, (address, ""))
        if at == 0:
            return line
        start, name = self._functions[at - 1]
        return f"{line} {name}+{address - start:#x}"


def _functions(kernel: Path) -> list[tuple[int, str]]:
    """(address, name) of all code of an ELF64 file, sorted, one name per address; [] if it is none."""
    try:
        return _read(kernel.read_bytes())
    except (OSError, struct.error, IndexError, ValueError):
        return []


def symbol_address(kernel: Path, wanted: str) -> int:
    """Where a symbol of the kernel lies. Raises Failure when there is none."""
    try:
        return next(address for name, address, _, _ in _symbols(kernel.read_bytes()) if name == wanted)
    except (OSError, struct.error, IndexError, ValueError, StopIteration):
        raise Failure(f"{kernel} is no kernel with a symbol {wanted}") from None


def _read(elf: bytes) -> list[tuple[int, str]]:
    found: dict[int, tuple[bool, str]] = {}
    for name, address, kind, code in _symbols(elf):
        if code and kind in (_KIND_NONE, _KIND_FUNCTION):
            # Functions first, then the alphabet: the linker's marks stand at the same addresses.
            found[address] = min(found.get(address, (True, "~")), (kind != _KIND_FUNCTION, name))
    return sorted((address, name) for address, (_, name) in found.items())


def _symbols(elf: bytes) -> Iterator[tuple[str, int, int, bool]]:
    """(name, address, kind, whether it lies in code) of all symbols."""
    offset, count = struct.unpack_from("<Q", elf, 40)[0], struct.unpack_from("<H", elf, 60)[0]
    # name, kind, flags, address, offset, size, link, info, alignment, entry size
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, offset + 64 * index) for index in range(count)]
    for section in sections:
        if section[1] != _SECTION_SYMBOLS:
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name_at, info, _, index, address = struct.unpack_from("<IBBHQ", elf, at)
            start = strings + name_at
            code = bool(0 < index < count and sections[index][2] & _FLAG_EXECUTABLE)
            yield elf[start : elf.index(b"\0", start)].decode(), address, info & 15, code
