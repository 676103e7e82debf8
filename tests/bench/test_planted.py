# SPDX-License-Identifier: Apache-2.0
"""A change that makes the kernel slower, planted in a copy of the tree: the gate finds it and names it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SOURCE = "ipc/endpoint.c"
PLACE = "    percpu(statistics.messages)++;\n    list_remove(link);\n"  # in sys_ipc_call, on its fast path
THREE = '    __asm__ volatile("nop; nop; nop");\n'


def test_three_instructions_more_in_a_call_are_found_and_named(tree_copy: Path) -> None:
    source = (tree_copy / SOURCE).read_text()
    assert source.count(PLACE) == 1
    (tree_copy / SOURCE).write_text(source.replace(PLACE, THREE + PLACE))
    done = subprocess.run(["./weft", "bench", "gate"], cwd=tree_copy, capture_output=True, text=True, timeout=400)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = done.stdout[done.stdout.index("worse than the reference") :]
    figures, functions = verdict.split("\n  functions that grew")
    slower = re.findall(r"without tracing: (\S+) .*p50 .*\+(\d+) *$", figures, re.MULTILINE)
    assert set(slower) == {("ipc.call.same_core", "3"), ("ipc.call.matrix", "3")}, verdict
    assert re.findall(r"^  (\w+) +[\d,]+ +[\d,]+ +\+\d+$", functions, re.MULTILINE) == ["sys_ipc_call"], verdict
