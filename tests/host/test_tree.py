# SPDX-License-Identifier: Apache-2.0
"""The kernel's balanced tree on the host: random operations against a sorted array."""

from __future__ import annotations

import math
import re
import subprocess

import pytest
from weft.harness.tree import Tree

SECONDS = 120
NODES = 700
OPERATIONS = 200_000


def run(tree: Tree, *arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [str(tree.host_test("tree_model_asan")), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 2, done.stderr
    return done


@pytest.mark.parametrize("keys", [1, 20, 1_000, 1 << 40])
@pytest.mark.parametrize("seed", range(3))
def test_tree_agrees_with_a_sorted_array(tree: Tree, seed: int, keys: int) -> None:
    done = run(tree, seed, OPERATIONS, keys)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", done.stdout)}
    # The run must have met what is hard, or it has compared nothing.
    assert found["inserted"] > 10_000 and found["removed_inner"] > 1_000 and found["removed_first"] > 100
    assert found["full"] > 1 and found["empty"] > 1
    assert 10 <= found["highest"] <= 1.4405 * math.log2(NODES + 2)


def test_a_broken_shape_is_found(tree: Tree) -> None:
    assert run(tree, 1, OPERATIONS, 1_000, "forget-balance").returncode == 1
