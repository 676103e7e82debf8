# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same kernels and the same boot image, byte for byte: so a figure in instructions
belongs to a commit, whoever built it, where and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from weft.harness.tree import Tree

MADE = ("bench/kernel.elf", "bench-notrace/kernel.elf", "images/bench.cpio")


def test_another_place_and_another_time_build_the_same_bytes(tree: Tree, tmp_path: Path) -> None:
    other = tmp_path / "some where" / "else"
    tree.copy(other, built=False)
    environment = {**os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "HOME": str(tmp_path)}
    targets = [f"build/{tree.arch}/{name}" for name in MADE]
    for path in other.rglob("*.[ch]"):
        os.utime(path, (1e9, 1e9))
    for command in ([sys.executable, "configure.py"], ["ninja", "-j2", *targets]):
        done = subprocess.run(command, cwd=other, env=environment, capture_output=True, text=True, timeout=400, umask=0o077)
        assert done.returncode == 0, done.stdout + done.stderr
    different = [name for name in targets if (other / name).read_bytes() != (tree.root / name).read_bytes()]
    assert different == []
