#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the kernel's symbol table, with which a panic prints function names.

The kernel is linked twice. From the first link `write` makes an assembly file that defines

    const struct kernel_symbol { uint64_t address; const char *name; } kernel_symbols[];
    const uint64_t kernel_symbol_count;

sorted by address, functions only. The second link adds that file, in place of the weak, empty
table in the kernel's own code. The table lies in .rodata behind .text, so functions do not move;
`check` proves it for the final kernel and fails the build otherwise.

    symbols.py write FIRST.elf -o symbols.S
    symbols.py check KERNEL.elf symbols.S
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
ENTRY = re.compile(r"^\s*\.quad (0x[0-9a-f]+), \.Lname\d+ /\* (\w+) \*/$")


def functions(elf: str) -> list[tuple[int, str]]:
    """The (address, name) pairs of an ELF file's code symbols, sorted; one name per address."""
    output = subprocess.run(
        ["llvm-nm", "--defined-only", elf], check=True, capture_output=True, text=True
    ).stdout
    found: dict[int, str] = {}
    for line in output.splitlines():
        address, kind, name = line.split(maxsplit=2)
        if kind not in "tTwW" or not NAME.match(name):
            continue
        # Aliases: keep the first name in the alphabet, so that the table does not depend on order.
        value = int(address, 16)
        found[value] = min(found.get(value, name), name)
    return sorted(found.items())


def table(symbols: list[tuple[int, str]]) -> str:
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Written by kernel/core/symbols.py; do not edit. */",
        '.section .rodata.kernel_symbols, "a"',
        ".balign 8",
        ".globl kernel_symbol_count, kernel_symbols",
        "kernel_symbol_count:",
        f"    .quad {len(symbols)}",
        "kernel_symbols:",
    ]
    lines += [
        f"    .quad {address:#x}, .Lname{index} /* {name} */"
        for index, (address, name) in enumerate(symbols)
    ]
    lines += [f'.Lname{index}: .asciz "{name}"' for index, (_, name) in enumerate(symbols)]
    lines.append('.section .note.GNU-stack, "", %progbits')
    return "\n".join(lines) + "\n"


def recorded(text: str) -> list[tuple[int, str]]:
    """The entries of a table that `table` wrote."""
    matches = (ENTRY.match(line) for line in text.splitlines())
    return [(int(match[1], 16), match[2]) for match in matches if match]


def check(elf: str, source: str) -> int:
    expected = recorded(Path(source).read_text(encoding="utf-8"))
    actual = functions(elf)
    if expected == actual:
        return 0
    print(f"symbols: code moved between the two links of {elf}: names would be wrong", file=sys.stderr)
    for entry in sorted(set(expected) ^ set(actual))[:5]:
        print(f"symbols:   {entry[0]:#x} {entry[1]} is on one side only", file=sys.stderr)
    Path(elf).unlink(missing_ok=True)
    return 1


def main(arguments: list[str]) -> int:
    match arguments:
        case ["write", elf, "-o", output]:
            Path(output).write_text(table(functions(elf)), encoding="utf-8")
            return 0
        case ["check", elf, source]:
            return check(elf, source)
    print("usage: symbols.py write FIRST.elf -o OUT.S | symbols.py check KERNEL.elf OUT.S", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
