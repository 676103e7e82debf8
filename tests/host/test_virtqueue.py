# SPDX-License-Identifier: Apache-2.0
"""The driver's side of a virtqueue (userspace/lib/include/weft/virtqueue.h), with a device that follows the
standard, and one that does not."""

from __future__ import annotations

import pytest
from test_lock_free import counts, run
from weft.harness.tree import Tree


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("device", ["honest", "hostile"])
def test_virtqueue_agrees_with_its_model(tree: Tree, seed: int, device: str) -> None:
    done = run(tree, "virtqueue_model_asan", seed, 300_000, device)
    assert done.returncode == 0, done.stdout + done.stderr
    # The run must have met everything often, or it has compared nothing.
    assert min(counts(done.stdout).values()) > 300, done.stdout
