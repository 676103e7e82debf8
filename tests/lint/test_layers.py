# SPDX-License-Identifier: Apache-2.0
"""Who may use what: includes point one way, raw atomics stay in one header, the kernel stays small,
and nothing in the tree knows the machine it was written on."""

from __future__ import annotations

import re
import subprocess

import pytest
from test_style import ROOT, complain, sources, tracked
from weft import loc

KERNEL = ("smp/", "ipc/", "trace/kernel/", "kernel/")
PORTABLE = ("kernel/core/", "kernel/memory/", "kernel/sched/", "kernel/cap/", "kernel/include/", *KERNEL[:3])
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

# (rooms, what they must not include, but for these files)
DIRECTIONS = [
    (("smp/", "trace/kernel/"), r"ipc/", ()),
    (("trace/kernel/",), r"smp/(?!atomic\.h)", ()),
    (("userspace/", "bench/guest/", "bench/throughput/", "tests/guest/"), r"(?:kernel|arch|smp|ipc|trace)/",
     ("userspace/lib/trace.c",)),  # the layout of the rings, which it reads as the host does
    (("trace/host/",), r"(?:kernel|arch|smp|ipc)/", ()),
    # What of an architecture the portable kernel builds on comes in by these headers alone.
    (PORTABLE, r"arch/", ("kernel/include/kernel/arch.h", "kernel/include/kernel/cpu.h",
                          "kernel/include/kernel/thread.h", "kernel/sched/switch.h")),
]  # fmt: skip


def code_of(text: str) -> str:
    """A source without its comments, line for line."""
    return COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)


@pytest.mark.parametrize(("rooms", "forbidden", "exceptions"), DIRECTIONS)
def test_includes_point_one_way(rooms: tuple[str, ...], forbidden: str, exceptions: tuple[str, ...]) -> None:
    pattern = re.compile(rf'^\s*#\s*include\s+"({forbidden}[^"]*)"', re.MULTILINE)
    complain(
        [
            f"{name} includes {match[1]}"
            for name, path in sources(".c", ".h", ".S")
            if name.startswith(rooms) and name not in exceptions
            for match in pattern.finditer(path.read_text())
        ]
    )


@pytest.mark.parametrize(
    ("forbidden", "allowed"),
    [
        (r"__atomic_|__sync_|stdatomic", ("smp/atomic.h",)),
        (r"__asm__|\basm\b", ("kernel/arch/",)),
    ],
    ids=["atomics", "assembly"],
)
def test_raw_operations_stay_in_their_rooms(forbidden: str, allowed: tuple[str, ...]) -> None:
    pattern = re.compile(forbidden)
    complain(
        [
            f"{name}:{number}: {line.strip()}"
            for name, path in sources(".c", ".h")
            if name.startswith(KERNEL) and not name.startswith(allowed)
            for number, line in enumerate(code_of(path.read_text()).splitlines(), start=1)
            if pattern.search(line)
        ]
    )


def test_only_the_design_to_compare_with_has_a_lock() -> None:
    """What a lock is made of: an atomic instruction by hand, and a loop that waits. The kernel has such loops where
    the machine starts, where an idle CPU polls, for its console's device, and where tests want a pause."""
    waits = re.compile(r"\barch_pause\(\)|\bpause\b.*#|\block\s+\w+|spin_?lock|\b(?:un)?lock_(?:enter|wait|take)\(")
    loops = {"kernel/arch/x86_64/cpu.c", "kernel/sched/idle.c", "kernel/arch/x86_64/uart.c", "smp/sched_point.c"}
    found = {
        name
        for name, path in sources(".c", ".h", ".S", ".inc")
        if name.startswith(KERNEL) and waits.search(code_of(path.read_text()))
    }
    designs = {name for name in found if "/designs/" in name}
    assert found - designs == loops
    assert {name.split("/designs/")[1].split("/")[0] for name in designs} == {"lock", "handshake"}


def test_the_kernel_stays_small() -> None:
    assert 1000 < loc.total(loc.rooms()) <= loc.LIMIT == 8_000


@pytest.mark.parametrize(
    "header",
    ["smp/atomic.h", "smp/mailbox_queue.h", "smp/signal_word.h", "weft/atomic.h", "weft/channel_ring.h"],
)
def test_lock_free_headers_need_no_kernel(header: str) -> None:
    """They compile on the host with nothing but the root and the library on the include path."""
    done = subprocess.run(
        ["clang", "-std=gnu2x", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-I.",
         "-Iuserspace/lib/include", "-fsyntax-only", "-x", "c", "-"],
        cwd=ROOT, input=f'#include "{header}"\n', capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_no_file_knows_a_machine() -> None:
    # In two parts, so that this file does not break its own rule.
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home)" + r"/\w+")
    found = []
    for path in tracked():
        text = path.read_text(errors="replace")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match[0]}")
    complain(found)


def test_nothing_built_is_in_the_tree() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert not tops & {"build", "out", ".venv", "build.ninja", "compile_commands.json"}
