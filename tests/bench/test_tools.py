# SPDX-License-Identifier: Apache-2.0
"""`weft bench --suite trace-tools`: every figure is there, adds up, and both readers count the same."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import pytest
from weft.bench import tools
from weft.bench.catalogue import Suite
from weft.bench.command import BENCH_ROOT, main
from weft.bench.errors import BenchError

SUITE = ["--suite", "trace-tools"]
EVENTS = 100_000
NAMES = [
    "check", "stat", "latency", "convert", "convert to /dev/null", "babeltrace2, count", "babeltrace2, print",
]  # fmt: skip


@pytest.fixture(scope="module")
def measured(tree, tmp_path_factory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("tools")
    assert main([*SUITE, "--runs", "2", "--set", f"events={EVENTS}", "--out", str(out)]) == 0
    return json.loads((out / "tools.json").read_text()), out


def test_all_are_measured_in_all_rounds(measured):
    results, out = measured
    assert EVENTS <= results["events"] < EVENTS * 1.1
    assert list(results["best"]) == list(results["rounds"]) == NAMES
    for name, best in results["best"].items():
        rounds = [cost["user"] + cost["system"] for cost in results["rounds"][name]]
        assert len(rounds) == 2 and best["user"] + best["system"] == min(rounds)
        assert best["events_per_second"] == pytest.approx(results["events"] / max(min(rounds), 1e-6), rel=1e-3)
    assert results["bytes"]["capture"] > 16 * EVENTS and results["bytes"]["timeline"] and results["bytes"]["ctf"]
    assert [path.name for path in out.iterdir()] == ["tools.json"], "the large files are gone"


def test_the_table_says_what_was_met_and_what_was_missed(measured):
    results, _ = measured
    best = {name: {"user": 1.0, "system": 0.5, "events_per_second": 11_000_000} for name in NAMES}
    best["stat"]["events_per_second"] = 9_900_000
    best["babeltrace2, print"]["user"] = 20.0
    text = tools.render({**results, "best": best})
    assert "check" in text and "11.00  target 10: met" in text and "9.90  target 10: MISSED" in text
    assert "babeltrace2, print / convert: 13.7 times" in text and text.count("target 10: met)") == 2
    assert "babeltrace2, count / convert: 1.0 times (a timeline against reading only; target 10: MISSED)" in text


def test_a_command_that_wants_more_memory_than_it_may_fails():
    hungry = (sys.executable, "-c", "x = bytearray(300 << 20)")
    cpu = 0
    assert tools.measure(hungry, None, cpu).total > 0
    with pytest.raises(BenchError, match="MemoryError"):
        tools.measure(hungry, 200 << 20, cpu)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != 200 << 20


def test_what_is_measured_is_the_command_and_nothing_else():
    busy = (sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass")
    assert 0.5 <= tools.measure(busy, None, 0).total < 2


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("events=0", "events must be a number above 0"),
        ("events=many", "events must be a number above 0"),
        ("memory=lots", "memory: not a size"),
        ("capture=absent", "no file absent"),
        ("samples=7", "has no parameter samples"),
    ],
)
def test_a_bad_parameter_is_one_line(capsys, tmp_path, setting, told):
    assert main([*SUITE, "--set", setting, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


def test_a_file_that_is_no_capture_is_refused(capsys, tmp_path):
    bad = tmp_path / "bad.weft"
    bad.write_bytes(b"x" * 10_000)
    assert main([*SUITE, "--set", f"capture={bad}", "--out", str(tmp_path)]) == 1
    assert "not a Weft capture" in capsys.readouterr().err


def test_the_suite_boots_nothing():
    suite = Suite.load(BENCH_ROOT, "trace-tools")
    assert suite.tools and not suite.select and not suite.modes
