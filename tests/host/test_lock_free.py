# SPDX-License-Identifier: Apache-2.0
"""The lock-free headers of smp/, attacked on the host: model, interleavings, ThreadSanitizer.

Every attack is also run against planted bugs: an attack that finds none of them proves nothing.
"""

from __future__ import annotations

import re
import subprocess
from math import factorial

import pytest
from weft.harness.tree import Tree

SECONDS = 120
RACE = 66  # ThreadSanitizer's exit code


def run(tree: Tree, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [str(tree.host_test(program)), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 2, done.stderr
    return done


def counts(output: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", output)}


@pytest.mark.parametrize("seed", range(8))
def test_mailbox_agrees_with_its_model(tree: Tree, seed: int) -> None:
    done = run(tree, "mailbox_model", seed, 1_000_000)
    assert done.returncode == 0, done.stdout
    found = counts(done.stdout)
    # The run must have met every state often, or it has compared nothing.
    assert min(found.values()) > 1000, done.stdout


NO_BOUND = 128  # a load may see any value that the memory model allows


@pytest.mark.parametrize(
    ("pushers", "nodes", "polls", "stale"),
    [
        (1, 1, 1, NO_BOUND),
        (1, 4, 2, NO_BOUND),
        (2, 1, 3, NO_BOUND),
        (2, 2, 0, NO_BOUND),
        (2, 2, 1, 1),
        (3, 1, 1, 0),
        pytest.param(2, 2, 1, NO_BOUND, marks=pytest.mark.slow),
    ],
)
def test_mailbox_holds_in_every_interleaving(
    tree: Tree, pushers: int, nodes: int, polls: int, stale: int
) -> None:
    sizes = ("--pushers", pushers, "--nodes", nodes, "--polls", polls, "--stale", stale)
    done = run(tree, "mailbox_interleave", *sizes)
    assert done.returncode == 0, done.stdout
    assert counts(done.stdout)["states"] > 20


def test_the_explorer_knows_weak_memory(tree: Tree) -> None:
    """Two words instead of one are right if memory is sequentially consistent, and lose wake-ups if
    loads may be late. Found in the second case and not in the first: both halves matter."""
    sizes = ("--pushers", 2, "--nodes", 1, "--plant", "two-words")
    assert run(tree, "mailbox_interleave", *sizes, "--stale", 0).returncode == 0
    late = run(tree, "mailbox_interleave", *sizes, "--stale", NO_BOUND)
    assert late.returncode == 1 and "deadlock" in late.stdout.splitlines()[0]


@pytest.mark.parametrize(("threads", "steps"), [(2, 1), (2, 3), (2, 4), (3, 2)])
def test_explorer_runs_each_interleaving_once(tree: Tree, threads: int, steps: int) -> None:
    done = run(tree, "explorer_count", threads, steps)
    # Each thread makes one step more: its start.
    expected = factorial(threads * (steps + 1)) // factorial(steps + 1) ** threads
    assert counts(done.stdout)["executions"] == expected


def test_explorer_reaches_every_outcome_of_a_racy_increment(tree: Tree) -> None:
    assert "final 1 2 3\n" in run(tree, "explorer_count", 3, 1).stdout
    assert "final 1 2\n" in run(tree, "explorer_count", 2, 1, "skip").stdout


@pytest.mark.parametrize(
    ("bug", "words"),
    [
        ("halt-unchecked", "deadlock"),
        ("poll-end-store", "deadlock"),
        ("take-two-steps", "deadlock"),
        ("ring-by-guess", "deadlock"),
        ("ring-not-first", "deadlock"),
        ("relaxed-push", "without any order"),
        ("relaxed-take", "without any order"),
        ("newest-first", "arrived then"),
        ("two-words", "deadlock"),
    ],
)
def test_mailbox_explorer_finds(tree: Tree, bug: str, words: str) -> None:
    done = run(tree, "mailbox_interleave", "--plant", bug)
    assert done.returncode == 1
    assert done.stdout.startswith("violation: ") and words in done.stdout.splitlines()[0]


@pytest.mark.parametrize(("signallers", "signals"), [(1, 3), (2, 2), (3, 1)])
def test_signal_word_holds_in_every_interleaving(tree: Tree, signallers: int, signals: int) -> None:
    done = run(tree, "signal_interleave", "--signallers", signallers, "--signals", signals)
    assert done.returncode == 0, done.stdout
    assert counts(done.stdout)["states"] > 20


@pytest.mark.parametrize(
    ("bug", "words"),
    [
        ("take-before-arrived", "deadlock"),
        ("always-push", "pushed while it travels"),
        ("take-clears-all", "pushed while it travels"),
        ("relaxed-set", "without any order"),
        ("relaxed-take", "without any order"),
    ],
)
def test_signal_explorer_finds(tree: Tree, bug: str, words: str) -> None:
    done = run(tree, "signal_interleave", "--plant", bug)
    assert done.returncode == 1
    assert done.stdout.startswith("violation: ") and words in done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("threads", "parcels", "rounds"), [(2, 1, 20_000), (3, 4, 20_000), (8, 64, 2_000), (16, 3, 5_000)]
)
def test_mailbox_survives_stress_without_a_race(tree: Tree, threads: int, parcels: int, rounds: int) -> None:
    done = run(tree, "mailbox_stress_tsan", threads, parcels, rounds, 20)
    assert done.returncode == 0, done.stderr
    found = counts(done.stdout)
    assert found["finished"] == parcels and found["rung"] > 0 and found["halts"] > 0
    # With more parcels than threads some push finds nodes or a polling owner, on any host.
    assert parcels <= threads or found["elided"] > 0


def test_thread_sanitizer_finds_a_missing_release(tree: Tree) -> None:
    done = run(tree, "mailbox_planted_tsan", 4, 16, 2_000, 20)
    assert done.returncode == RACE
    assert "data race" in done.stderr and "mailbox_queue" in done.stderr
