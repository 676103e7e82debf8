# SPDX-License-Identifier: Apache-2.0
"""`weft bench compare` and `weft bench gate`: what counts as a change, and how sure it is."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher, console, record, samples
from weft.bench import compare, gate
from weft.bench.command import main
from weft.bench.errors import BenchError


def bench(out: Path, *arguments: str, **fake: Any) -> Path:
    assert main(["--out", str(out), *arguments], FakeLauncher(**fake)) == 0
    return out


def rows(before: Path, after: Path) -> dict[tuple[str, str, str], compare.Row]:
    found = compare.compare(compare.Run.load(before), compare.Run.load(after))
    return {(row.mode, row.name, row.params): row for row in found}


def slower(name: str, mode: str, factor: float) -> dict[str, list[str]]:
    """A console on which one benchmark takes longer."""
    lines = [line for line in console(mode) if f'"name": "{name}"' not in line and f'"name":"{name}"' not in line]
    return {mode: [*lines[:-1], record(name, [round(value * factor) for value in samples(name, mode)]), lines[-1]]}


def test_in_icount_mode_one_instruction_is_a_change(tmp_path: Path, capsys: Any) -> None:
    before = bench(tmp_path / "a", "--accel", "icount")
    same = bench(tmp_path / "b", "--accel", "icount")
    assert all(row.changed == [] for row in rows(before, same).values())
    base = samples("syscall.null", "icount")[0]
    after = bench(tmp_path / "c", "--accel", "icount", console=slower("syscall.null", "icount", 1 + 1.01 / base))
    changed = [row for row in rows(before, after).values() if row.changed]
    assert [row.name for row in changed] == ["syscall.null"]
    assert changed[0].after["p50"] == base + 1 and "p50" in changed[0].changed
    assert main(["compare", str(before), str(after)]) == 0
    assert "1 of" in (shown := capsys.readouterr().out) and "+1" in shown


def test_boots_are_the_observations_and_few_of_them_prove_nothing(tmp_path: Path) -> None:
    for runs, sure in (("1", None), ("3", False), ("6", True)):
        before = bench(tmp_path / f"a{runs}", "--accel", "tcg", "--runs", runs)
        after = bench(tmp_path / f"b{runs}", "--accel", "tcg", "--runs", runs,
                      console=slower("syscall.null", "tcg", 1.5))  # fmt: skip
        row = rows(before, after)["tcg", "syscall.null", ""]
        assert row.ratio == pytest.approx(1.5, abs=0.05) and row.above is not None and row.above > 0.8
        if sure is None:
            assert row.confidence is None and row.changed == []
        else:
            assert row.confidence is not None and (row.confidence >= 0.95) == sure
            assert row.changed == (["p50"] if sure else [])


def test_noise_alone_is_no_change(tmp_path: Path) -> None:
    before = bench(tmp_path / "a", "--accel", "tcg", "--runs", "8", vary=True)
    after = bench(tmp_path / "b", "--accel", "tcg", "--runs", "8", vary=True)
    changed = [row.name for row in rows(before, after).values() if row.changed]
    assert changed == []  # both drew the same seeds


def test_the_interval_is_that_of_the_exact_rank_sum_test() -> None:
    """Against the test's definition: every order of the values is as likely as any other."""
    for first, second in ((2, 2), (3, 4), (4, 4), (5, 6)):
        places = range(first + second)
        counts: dict[int, int] = {}
        for chosen in itertools.combinations(places, first):
            rest = [place for place in places if place not in chosen]
            u = sum(a > b for a in chosen for b in rest)
            counts[u] = counts.get(u, 0) + 1
        total = sum(counts.values())
        for wanted in (0.5, 0.9, 0.95, 0.99):
            out, confidence = compare.interval(first, second, wanted)
            tail = sum(count for u, count in counts.items() if u <= out)
            assert confidence == pytest.approx(1 - 2 * tail / total)
            further = tail + counts.get(out + 1, 0)
            assert 1 - 2 * further / total < wanted
    assert compare.interval(1, 9, 0.95) == (0, 0.0)


def test_superiority_is_the_share_of_pairs() -> None:
    source = random.Random(3)
    a, b = ([source.randrange(20) for _ in range(200)] for _ in range(2))
    histograms = [tuple((value, side.count(value)) for value in sorted(set(side))) for side in (a, b)]
    pairs = sum((y > x) + (y == x) / 2 for x in a for y in b) / (len(a) * len(b))
    assert compare.superiority(*histograms) == pytest.approx(pairs)
    assert compare.superiority((), histograms[0]) is None


def test_what_cannot_be_compared_is_said(tmp_path: Path, capsys: Any) -> None:
    icount = bench(tmp_path / "a", "--accel", "icount")
    tcg = bench(tmp_path / "b", "--accel", "tcg")
    capsys.readouterr()
    for other, words in ((tcg, "no benchmark in common"), (tmp_path / "nowhere", "No such file")):
        assert main(["compare", str(icount), str(other)]) == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    (tmp_path / "results.json").write_text('{"schema": "weft-results-1"}')
    assert main(["compare", str(icount), str(tmp_path / "results.json")]) == 1


def test_json_says_the_same(tmp_path: Path, capsys: Any) -> None:
    before = bench(tmp_path / "a", "--accel", "tcg")
    capsys.readouterr()
    assert main(["compare", str(before), str(before / "results.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found and all(row["ratio"] == 1 and row["changed"] == [] for row in found)


# ---- the gate -----------------------------------------------------------------------------------

REFERENCE = {"figures": {"call, p50": 245, "null, p50": 50}, "stages": {"call: service": 100, "call: reply": 45},
             "functions": {"sys_ipc_call": 300, "old": 10}}  # fmt: skip


def changed(**tables: dict[str, int]) -> dict[str, dict[str, int]]:
    return {name: {**table, **tables.get(name, {})} for name, table in REFERENCE.items()}


def test_the_gate_names_what_grew() -> None:
    assert gate.judge(REFERENCE, changed())[0]
    found = changed(figures={"call, p50": 246}, stages={"call: reply": 46}, functions={"new": 8, "sys_ipc_call": 290})
    passed, words = gate.judge(REFERENCE, found)
    assert not passed and "worse than the reference: 1 of 2 figures" in words
    lines = words.splitlines()
    for name in ("call, p50", "call: reply", "new"):
        assert any(line.strip().startswith(name) and line.rstrip().endswith(("+1", "+8")) for line in lines), name
    assert "call: service" not in words and "sys_ipc_call" not in words and "null" not in words


def test_the_gate_lets_better_and_new_figures_pass() -> None:
    passed, words = gate.judge(REFERENCE, changed(figures={"call, p50": 240, "more, p50": 9}))
    assert passed and "better: 1 " in words and "-5" in words
    assert gate.judge(REFERENCE, changed(figures={"more, p50": 9}))[0]


def test_the_gate_fails_where_a_figure_is_gone() -> None:
    found = changed()
    del found["figures"]["null, p50"]
    passed, words = gate.judge(REFERENCE, found)
    assert not passed and "null, p50 is in the reference and was not measured" in words


def test_a_missing_or_foreign_reference_is_said(tmp_path: Path, capsys: Any) -> None:
    assert main(["gate", "--reference", str(tmp_path / "none")], FakeLauncher()) == 2
    assert "--update makes it" in capsys.readouterr().err


def test_figures_are_gated_by_functions_of_the_kernel_too(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="llvm-nm"):
        gate.functions_of(tmp_path / "no-kernel")
