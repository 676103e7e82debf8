# SPDX-License-Identifier: Apache-2.0
"""Count the kernel's lines of code: what `weft loc` prints.

A line counts when something is left of it after comments and blanks are taken out. Counted are C and
assembly, headers too, in the rooms below; generated files are not in the tree and so
do not count. The sum has a limit, and going over it is an error. The designs that the kernel can be compared
with (docs/designs.md) are not in it; they stand in a line of their own, and all together have a limit as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from weft.paths import ROOT

# What one person can read. Each further architecture may bring its own room beside this.
LIMIT = 8_000
LIMIT_OF_ALL = 10_000
DESIGN = "mailbox"  # the kernel's own; all others are for comparison
COMPARISON = "designs to compare with"
SUFFIXES = (".c", ".h", ".S", ".inc")
# A comment, or a literal that may look as if it held one. Literals stay, comments become nothing.
TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.DOTALL
)


@dataclass(frozen=True)
class Room:
    """One line of the table."""

    name: str
    files: int
    code: int
    lines: int


def code_lines(text: str) -> int:
    """Lines of C or assembly without comments and blanks."""

    def replace(match: re.Match[str]) -> str:
        if match["comment"] is None:
            return match[0]
        return "\n" * match[0].count("\n") or " "

    return sum(1 for line in TOKEN.sub(replace, text).splitlines() if line.strip())


def rooms() -> list[Room]:
    """The rooms of the kernel, each architecture a room of its own; the other designs, if there are any, come last."""
    folders: dict[str, list[Path]] = {}
    for top in ("kernel", "smp", "ipc", "trace/kernel"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                folders.setdefault(_room(path.relative_to(ROOT)), []).append(path)
    others = folders.pop(COMPARISON, None)
    found = [_measure(name, paths) for name, paths in folders.items()]
    return [*found, _measure(COMPARISON, others)] if others else found


def total(found: list[Room]) -> int:
    """The default kernel's lines of code."""
    return sum(room.code for room in found if room.name != COMPARISON)


def _room(path: Path) -> str:
    """kernel/arch/<arch> and kernel/<room> stand apart; everything else by its top folder."""
    parts = path.parts
    if "designs" in parts and DESIGN not in parts:
        return COMPARISON
    if parts[0] != "kernel":
        return "trace/kernel" if parts[0] == "trace" else parts[0]
    depth = 3 if parts[1] == "arch" and len(parts) > 3 else 2
    return "/".join(parts[: min(depth, len(parts) - 1)])


def _measure(name: str, paths: list[Path]) -> Room:
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    code = sum(map(code_lines, texts))
    return Room(name, len(paths), code, sum(len(text.splitlines()) for text in texts))


def main() -> int:
    """Print the table; 1 when the kernel has grown above its limit."""
    found = rooms()
    kernel = [room for room in found if room.name != COMPARISON]
    code, everything = total(found), sum(room.code for room in found)
    print(f"{'room':24}{'files':>7}{'code':>8}{'lines':>8}")
    for room in kernel:
        _show(room)
    _show(Room("sum", sum(room.files for room in kernel), code, sum(room.lines for room in kernel)))
    print(f"limit {LIMIT}: {'exceeded by' if code > LIMIT else 'left'} {abs(LIMIT - code)}")
    for room in found[len(kernel) :]:
        _show(room)
        print(f"not in the default kernel; with it {everything} of {LIMIT_OF_ALL}")
    return 1 if code > LIMIT or everything > LIMIT_OF_ALL else 0


def _show(room: Room) -> None:
    print(f"{room.name:24}{room.files:>7}{room.code:>8}{room.lines:>8}")
