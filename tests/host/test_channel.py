# SPDX-License-Identifier: Apache-2.0
"""The ring under a channel (userspace/lib/include/weft/channel_ring.h), attacked on the host: every
interleaving under weak memory, a model, a hostile partner, ThreadSanitizer; and planted bugs."""

from __future__ import annotations

import pytest
from test_lock_free import NO_BOUND, RACE, counts, run
from weft.harness.tree import Tree


@pytest.mark.parametrize(
    ("messages", "capacity", "batch"),
    [(3, 1, 1), (6, 1, 1), (4, 2, 1), (8, 2, 3), (8, 4, 1), (8, 4, 3), (0, 1, 1)],
)
def test_channel_holds_in_every_interleaving(
    tree: Tree, messages: int, capacity: int, batch: int
) -> None:
    sizes = ("--messages", messages, "--capacity", capacity, "--batch", batch)
    done = run(tree, "channel_interleave", *sizes)
    assert done.returncode == 0, done.stdout
    assert counts(done.stdout)["states"] > 10


@pytest.mark.parametrize("received", [0, 1, 2])
def test_sender_notices_a_receiver_that_leaves(tree: Tree, received: int) -> None:
    done = run(tree, "channel_interleave", "--messages", 4, "--quit", received)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("bug", "words"),
    [
        ("no-recheck", "deadlock"),
        ("check-first", "deadlock"),
        ("flag-apart", "deadlock"),
        ("believe-load", "deadlock"),
        ("wake-by-guess", "deadlock"),
        ("close-silently", "deadlock"),
        ("one-too-many", "overwritten before it is read"),
        ("relaxed-release", "without any order"),
        ("relaxed-acquire", "without any order"),
    ],
)
def test_channel_explorer_finds(tree: Tree, bug: str, words: str) -> None:
    done = run(tree, "channel_interleave", "--plant", bug)
    assert done.returncode == 1
    assert done.stdout.startswith("violation: ") and words in done.stdout.splitlines()[0]


@pytest.mark.parametrize("bug", ["flag-apart", "believe-load"])
def test_bugs_of_weak_memory_need_weak_memory(tree: Tree, bug: str) -> None:
    """A flag beside the position, or a load that is believed, is right if memory is sequentially
    consistent: that these are found above and not here shows what the one word is for."""
    assert run(tree, "channel_interleave", "--plant", bug, "--stale", 0).returncode == 0
    assert run(tree, "channel_interleave", "--plant", bug, "--stale", NO_BOUND).returncode == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("partner", ["honest", "hostile"])
def test_channel_agrees_with_its_model(tree: Tree, seed: int, partner: str) -> None:
    done = run(tree, "channel_model_asan", seed, 500_000, partner)
    assert done.returncode == 0, done.stdout + done.stderr
    # The run must have met everything often, or it has compared nothing.
    assert min(counts(done.stdout).values()) > 300, done.stdout


@pytest.mark.parametrize(
    ("messages", "capacity", "batch"), [(30_000, 1, 1), (200_000, 8, 4), (400_000, 256, 64)]
)
def test_channel_survives_stress_without_a_race(
    tree: Tree, messages: int, capacity: int, batch: int
) -> None:
    done = run(tree, "channel_stress_tsan", messages, capacity, batch, 20)
    assert done.returncode == 0, done.stderr
    found = counts(done.stdout)
    assert found["arrived"] == messages and found["sleeps"] > 0 and found["wakes"] > 0


def test_thread_sanitizer_finds_a_move_without_release(tree: Tree) -> None:
    done = run(tree, "channel_planted_tsan", 100_000, 8, 4, 20)
    assert done.returncode == RACE
    assert "data race" in done.stderr and "weft_ring_" in done.stderr
