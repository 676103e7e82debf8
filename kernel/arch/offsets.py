#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
r"""Make the header with which assembly code finds fields of C structures.

`kernel/arch/<arch>/offsets.c` names the constants; it is compiled to assembly with the flags of
the kernel variant, and from that text this script takes them:

    #define OFFSET(name, value) __asm__ volatile(".ascii \"@offset " #name " %0\"" : : "i"(value))
    void offsets(void) { OFFSET(THREAD_FRAME, offsetof(struct thread, frame)); }

becomes `#define THREAD_FRAME 64` in build/<arch>/<variant>/gen/arch/offsets.h, which assembly
includes as "arch/offsets.h". So no offset is ever typed by hand.

    offsets.py OFFSETS.s -o offsets.h
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# The value stands behind the assembler's mark for an immediate: `$` on x86_64, `#` on aarch64.
LINE = re.compile(r'^\s*\.ascii\s+"@offset (\w+) [$#]?(-?\d+)"\s*$')


def main(arguments: list[str]) -> int:
    match arguments:
        case [source, "-o", output]:
            pass
        case _:
            print("usage: offsets.py OFFSETS.s -o OUT.h", file=sys.stderr)
            return 2
    found = [LINE.match(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
    defines = [f"#define {match[1]} {match[2]}" for match in found if match]
    if not defines:
        print(f"offsets: {source} names no offset", file=sys.stderr)
        return 1
    head = [
        "/* SPDX-License-Identifier: Apache-2.0 */",
        "/* Written by kernel/arch/offsets.py; do not edit. */",
        "#pragma once",
    ]
    path = Path(output)
    text = "\n".join(head + defines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
