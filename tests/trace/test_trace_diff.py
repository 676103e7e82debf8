# SPDX-License-Identifier: Apache-2.0
"""Comparing captures: what changed is found, what did not is not, and chance is told from change."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import stories
from stories import INTRUDER, Story


def calls(path: Path, seed: int, count: int = 400, slower: int = 0, hits: int = 0) -> Path:
    """Calls with a service time that varies; `slower` ns more of it, `hits` of them delayed."""
    source = random.Random(seed)
    story = Story()
    story.capture.thread(INTRUDER, "intruder", stories.SERVER, cpu=1)
    for index in range(count):
        if index < hits:
            stories.delayed_call(story)
        else:
            stories.cross_call(story, service=600 + slower + source.randrange(200))
        story.now += source.randrange(1000)
    return story.capture.write(path)


def distributions(tool, a: Path, b: Path) -> dict[str, dict]:
    return {row["name"]: row for row in tool.json("diff", a, b)["distributions"]}


def changed(rows: dict[str, dict]) -> set[str]:
    return {name for name, row in rows.items() if row["changed"]}


def test_a_capture_does_not_differ_from_itself(tool, tmp_path):
    path = stories.whole(20).capture.write(tmp_path / "a.weft")
    result = tool.json("diff", path, path)
    assert all(row["p"] == 1 and row["greater"] == 0.5 and not row["changed"]
               for row in result["distributions"])
    assert all(row["a"] == row["b"] for row in result["counters"])


def test_chance_is_no_change(tool, tmp_path):
    rows = distributions(tool, calls(tmp_path / "a.weft", 1), calls(tmp_path / "b.weft", 2))
    assert changed(rows) == set()


def test_a_slower_service_is_found_where_it_is(tool, tmp_path):
    rows = distributions(tool, calls(tmp_path / "a.weft", 1), calls(tmp_path / "b.weft", 2, slower=50))
    assert changed(rows) == {"client/ping -> server/pong cross service",
                             "client/ping -> server/pong cross round trip"}
    service = rows["client/ping -> server/pong cross service"]
    assert service["p"] < 1e-6 and 0.6 < service["greater"] < 0.9
    assert 30 <= service["b"]["p50"] - service["a"]["p50"] <= 70


def test_the_rank_sum_is_right(tool, tmp_path):
    """Against counting all pairs."""
    a, b = calls(tmp_path / "a.weft", 1, 60), calls(tmp_path / "b.weft", 2, 60, slower=20)
    row = distributions(tool, a, b)["client/ping -> server/pong cross service"]
    sides = []
    for seed, slower in ((1, 0), (2, 20)):
        source = random.Random(seed)
        values = []
        for _ in range(60):
            values.append(600 + slower + source.randrange(200))
            source.randrange(1000)
        sides.append(values)
    wins = sum((y > x) + (y == x) / 2 for x in sides[0] for y in sides[1])
    assert row["greater"] == pytest.approx(wins / 3600, abs=1e-4)


def test_a_delay_changes_what_waits_for_the_cpu(tool, tmp_path):
    rows = distributions(tool, calls(tmp_path / "a.weft", 1), calls(tmp_path / "b.weft", 1, hits=200))
    assert {"client/ping -> server/pong cross dispatch", "server/pong waits for a CPU"} <= changed(rows)
    assert {name for name, row in rows.items() if row["only"]} == {"server/intruder waits for a CPU"}
    assert rows["server/intruder waits for a CPU"]["only"] == "b"
    counters = {row["name"]: row for row in
                tool.json("diff", tmp_path / "a.weft", tmp_path / "b.weft")["counters"]}
    assert counters["server/intruder running (ns)"]["a"] == 0
    assert counters["server/intruder running (ns)"]["b"] == 200 * 5000
    assert counters["events ipc_call"]["a"] == counters["events ipc_call"]["b"] == 400


def test_what_only_one_has_is_told_apart(tool, tmp_path):
    story = Story()
    for _ in range(10):
        stories.cross_call(story)
    a = story.capture.write(tmp_path / "a.weft")
    for _ in range(5):
        stories.direct_call(story)
    b = story.capture.write(tmp_path / "b.weft")
    rows = distributions(tool, a, b)
    assert {row["only"] for name, row in rows.items() if " direct " in name} == {"b"}
    assert {row["only"] for name, row in rows.items() if " cross " in name} == {None}
    assert changed(rows) == set()
    for first, second, side in ((a, b, "B"), (b, a, "A")):
        text = tool.ok("diff", first, second)
        _, _, only = text.partition(f"only in {side}\n")
        assert only.splitlines()[0].split() == "client/ping -> server/pang direct round trip 5".split()
        assert "direct service" not in text and f"only in {'AB'[side == 'A']}" not in text


def test_counters_of_programs_are_compared(tool, tmp_path):
    def counting(path: Path, seed: int, more: int) -> Path:
        source = random.Random(seed)
        story = Story()
        for _ in range(200):
            story.at(0, "user_counter", name=stories.COUNTER_NAME, value=source.randrange(-50, 50) + more)
        return story.capture.write(path)

    a, b = counting(tmp_path / "a.weft", 1, 0), counting(tmp_path / "b.weft", 2, 30)
    rows = distributions(tool, a, b)
    assert changed(rows) == {"client counts progress"}
    row = rows["client counts progress"]
    assert (row["a"]["n"], row["b"]["n"]) == (200, 200) and row["a"]["min"] < 0
    assert 20 <= row["b"]["p50"] - row["a"]["p50"] <= 40
    assert changed(distributions(tool, a, counting(tmp_path / "c.weft", 3, 0))) == set()


def test_text_shows_what_changed_only(tool, tmp_path):
    text = tool.ok("diff", calls(tmp_path / "a.weft", 1), calls(tmp_path / "b.weft", 2, slower=50))
    assert "cross service" in text and "cross dispatch" not in text and "more have not changed" in text


def test_a_second_capture_is_needed(tool, tmp_path):
    path = stories.whole(1).capture.write(tmp_path / "a.weft")
    assert tool("diff", path).returncode == 2
    assert "not a Weft capture" in tool.refuses("diff", path, __file__)
