# SPDX-License-Identifier: Apache-2.0
"""The designs of the cross-core path under the benchmarks: what docs/designs.md says is what is measured."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from weft.bench import designs
from weft.bench.errors import BenchError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "designs.md"
Weft = Callable[..., CompletedProcess[str]]


def result(name: str, design: str, p50: int, cpus: int = 2, accel: str = "icount", **params: Any) -> dict[str, Any]:
    figure = {"name": name, "unit": "instructions", "p50": p50, "p99": p50 + 1, "params": {"design": design, **params}}
    return {"accel": accel, "cpus": cpus, "results": [figure]}


def test_the_document_says_what_is_measured(build: Any, weft: Weft, tmp_path: Path) -> None:
    done = weft("bench", "--suite", "designs-work", "--cpus", "2", "--set", "samples=100", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = DOCUMENT.read_text()
    for name, rows in designs.work(json.loads((tmp_path / "results.json").read_text())).items():
        (cells,) = rows
        row = rf"^\| `{re.escape(name)}` \| (1|2) to 64 \| {re.escape(' | '.join(cells))} \|$"
        assert re.search(row, text, re.MULTILINE), f"docs/designs.md is old: it has no row for {name}: {cells}"


def test_equal_rows_are_one() -> None:
    runs = [result(designs.PAIR, design, 960 + extra, cpus=cpus)
            for cpus in (2, 4) for design, extra in (("mailbox", 0), ("lock", cpus), ("handshake", 9))]  # fmt: skip
    assert designs.rows_of({"runs": runs}) == [
        ["`ipc.call.cross_core`", "2", "960", "962", "969"],
        ["`ipc.call.cross_core`", "4", "960", "964", "969"],
    ]
    assert designs.rows_of({"runs": runs[:3] + [{**run, "cpus": 4} for run in runs[:3]]}) == [
        ["`ipc.call.cross_core`", "2 to 4", "960", "962", "969"]
    ]


def test_tables_go_between_the_marks(tmp_path: Path) -> None:
    before = f"a\n{designs.BEGIN}\nold\n{designs.END}\nb\n"
    assert designs.put(before, "new") == f"a\n{designs.BEGIN}\n\nnew\n{designs.END}\nb\n"
    with pytest.raises(BenchError, match="lacks"):
        designs.put("nothing", "new")
    assert designs.main(["one"]) == 2
