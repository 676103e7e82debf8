# SPDX-License-Identifier: Apache-2.0
"""The catalogue, the suites and the guest's sources speak of the same benchmarks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from weft.bench.catalogue import Catalogue, Suite
from weft.bench.command import BENCH_ROOT, main
from weft.bench.errors import BenchError
from weft.paths import ROOT


def registered() -> list[str]:
    sources = sorted(path for room in ("guest", "throughput") for path in (ROOT / "bench" / room).glob("*.c"))
    return [name for path in sources for name in re.findall(r'^BENCHMARK\("([\w.]+)"', path.read_text(), re.MULTILINE)]


def test_every_question_of_the_guest_is_described_and_the_other_way_round() -> None:
    catalogue = Catalogue.load(BENCH_ROOT)
    ours = {name for name, benchmark in catalogue.benchmarks.items() if not benchmark.foreign}
    questions = registered()
    assert len(questions) == len(set(questions))
    assert [name for name in questions if not catalogue.selected(name)] == []
    assert [name for name in ours if not any(f"{name}.".startswith(f"{word}.") for word in questions)] == []


def test_three_lines_are_enough(tmp_path: Path) -> None:
    for room in ("catalogue", "linux", "reference", "suites"):
        (tmp_path / room).mkdir()
    (tmp_path / "linux/benchmarks.toml").write_text("")
    (tmp_path / "reference/peers.toml").write_text("")
    (tmp_path / "catalogue/mine.toml").write_text('[[benchmark]]\nname = "mine.first"\ntimed = "A thing."\n')
    (benchmark,) = Catalogue.load(tmp_path).benchmarks.values()
    assert (benchmark.title, benchmark.group, benchmark.shape, benchmark.needs_cpus) == (
        "mine.first", "mine", "operation", 1)  # fmt: skip
    (tmp_path / "catalogue/mine.toml").write_text('[[benchmark]]\nname = "mine.first"\n')
    with pytest.raises(BenchError, match=r"mine.toml: mine.first: .*'timed'"):
        Catalogue.load(tmp_path)


@pytest.mark.parametrize("name", Suite.names(BENCH_ROOT))
def test_every_suite_selects_what_is_there(name: str) -> None:
    suite = Suite.load(BENCH_ROOT, name)
    selected = suite.selected(Catalogue.load(BENCH_ROOT))
    assert selected or suite.tools or not suite.select


def test_a_name_selects_itself_and_what_goes_on_from_it() -> None:
    catalogue = Catalogue.load(BENCH_ROOT)
    suite = replace(Suite.load(BENCH_ROOT, "quick"), select=("ipc.notify.same_core", "syscall", "ipc.notify"))
    names = suite.wanted(catalogue, cpus=1, trace=True)
    assert names[:3] == ["ipc.notify.same_core", "ipc.notify.same_core.two_calls", "syscall.null"]
    assert len(names) == len(set(names)) and "ipc.notify.cross_core" not in names
    assert "ipc.notify.cross_core" in suite.wanted(catalogue, cpus=2, trace=True)
    assert not catalogue.selected("ipc.not") and not catalogue.selected("linux.getppid")


@pytest.mark.parametrize("words", ["no.such", "ipc.not", "syscall.null,,ipc", "linux.getppid"])
def test_a_benchmark_that_is_not_there_is_one_line(words: str, capsys: Any, tmp_path: Path) -> None:
    assert main(["--only", words, "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("weft bench: there is no benchmark '") and "--list" in line
