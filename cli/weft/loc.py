# SPDX-License-Identifier: Apache-2.0
"""Count the kernel's lines of code: what `weft loc` prints.

A line counts when something is left of it after comments and blanks are taken out. Counted are C and
assembly, headers too, in the rooms below; generated files are not in the tree and so
do not count. The sum has a limit, and going over it is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from weft.paths import ROOT

# What one person can read. Each further architecture may bring its own room beside this.
LIMIT = 8_000
SUFFIXES = (".c", ".h", ".S")
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
    """The rooms of the kernel, each architecture a room of its own."""
    folders: dict[str, list[Path]] = {}
    for top in ("kernel", "smp", "ipc", "trace/kernel"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                folders.setdefault(_room(path.relative_to(ROOT)), []).append(path)
    return [_measure(name, paths) for name, paths in folders.items()]


def _room(path: Path) -> str:
    """kernel/arch/<arch> and kernel/<room> stand apart; everything else by its top folder."""
    parts = path.parts
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
    print(f"{'room':24}{'files':>7}{'code':>8}{'lines':>8}")
    for room in found:
        print(f"{room.name:24}{room.files:>7}{room.code:>8}{room.lines:>8}")
    total = sum(room.code for room in found)
    files, lines = sum(room.files for room in found), sum(room.lines for room in found)
    print(f"{'sum':24}{files:>7}{total:>8}{lines:>8}")
    print(f"limit {LIMIT}: {'exceeded by' if total > LIMIT else 'left'} {abs(LIMIT - total)}")
    return 1 if total > LIMIT else 0
