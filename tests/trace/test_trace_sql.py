# SPDX-License-Identifier: Apache-2.0
"""The SQL views, and `weft trace sql`, on the real trace processor."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import stories
from stories import Story

ROOT = Path(__file__).resolve().parents[2]
VIEWS = (ROOT / "trace" / "sql" / "weft.sql").read_text()
FIGURES = ("n", "min", "p50", "p90", "p99", "p999", "max")
STAGES = ("entry", "enqueue", "doorbell", "wakeup", "dispatch", "service", "reply", "resume")
LATENCY = f"SELECT client, server, endpoint, path, one_way, stage, {', '.join(FIGURES)} FROM weft_latency"


@pytest.fixture
def ask(tool, trace_processor, tmp_path):
    def run(story: Story, query: str) -> list[tuple]:
        capture = story.capture.write(tmp_path / "a.weft")
        tool.ok("convert", capture, "-o", tmp_path / "a.pftrace")
        return trace_processor(tmp_path / "a.pftrace", [VIEWS, query])[1]

    return run


def differences(answers: dict, rows: list[tuple]) -> list[str]:
    """Where the answers of `weft trace latency` and those of LATENCY are not the same."""
    told = {tuple(row[:6]): tuple(row[6:]) for row in rows}
    expected = {}
    for one_way, kind, whole in ((0, "paths", "round trip"), (1, "sends", "delivery")):
        for path in answers[kind]:
            key = (path["client"]["thread"], path["server"]["thread"], path["endpoint"], path["path"])
            for stage, figures in [*path["stages"].items(), (whole, path)]:
                expected[*key, one_way, stage] = tuple(figures[figure] for figure in FIGURES)
    return [f"{key}: {expected.get(key)} and {told.get(key)}" for key in sorted(expected | told)
            if expected.get(key) != told.get(key)]


def varied(rounds: int) -> Story:
    """Calls of both kinds whose stages differ from one to the next."""
    source = random.Random(5)
    story = Story()
    story.capture.thread(stories.INTRUDER, "intruder", stories.SERVER, cpu=1)
    for _ in range(rounds):
        if source.random() < 0.1:
            stories.delayed_call(story, source.randrange(5000), source.random() < 0.5)
        stories.cross_call(story, source.random() < 0.5, source.randrange(1, 3000))
        if source.random() < 0.3:
            story.at(0, "syscall_entry", number=1, thread=stories.PING)
            stories.direct_call(story)
            story.at(0, "syscall_exit", number=1, thread=stories.PING, status=0)
        if source.random() < 0.3:
            source.choice([stories.one_way, stories.one_way_here])(story)
    return story


def test_the_views_have_the_percentiles_of_weft_trace_latency(ask, tool, tmp_path):
    """For every path and stage; `python tests/trace/test_trace_sql.py CAPTURE` asks that of any capture."""
    story = varied(1500)
    rows = ask(story, LATENCY)
    answers = tool.json("latency", tmp_path / "a.weft")
    assert len(answers["paths"]) == 2 and len(answers["sends"]) == 2
    assert len(rows) == 2 * 9 + 2 * 5 and differences(answers, rows) == []


def test_the_stages_of_each_message_sum_to_its_round_trip(ask):
    story = varied(200)
    calls, sends = (ask(story, f"SELECT SUM({stages} != total), COUNT(*) FROM {view}")[0]
                    for view, stages in (("weft_message", " + ".join(STAGES)),
                                         ("weft_send", " + ".join(STAGES[:4]))))
    assert calls[0] == sends[0] == 0 and calls[1] + sends[1] == story.messages


def test_the_other_views_show_their_part(ask):
    story = Story()
    stories.one_way(story)
    stories.cross_call(story)
    stories.timer(story)
    assert ask(story, "SELECT sender_name, receiver_name, path, total FROM weft_send") == [
        ("ping", "pong", "cross", 500)]
    assert ("pong", "ping") in ask(story, "SELECT thread_name, waker_name FROM weft_wait")
    assert ask(story, "SELECT why, from_mailbox, to_mailbox, dur FROM weft_crossing ORDER BY ts") == [
        ("ipc_call", "cpu 0 mailbox", "cpu 1 mailbox", 300),
        ("return_home", "cpu 1 mailbox", "cpu 0 mailbox", 300),
        ("ipc_call", "cpu 0 mailbox", "cpu 1 mailbox", 600),
        ("ipc_reply", "cpu 1 mailbox", "cpu 0 mailbox", 200)]


def weft_sql(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "weft"), "trace", "sql", *map(str, arguments)],
                          input=stdin, capture_output=True, text=True, timeout=300)


def test_the_command_answers_for_captures_and_timelines(tool, tmp_path):
    capture = varied(20).capture.write(tmp_path / "a.weft")
    timeline = tmp_path / "a.pftrace"
    tool.ok("convert", capture, "-o", timeline)
    query = "SELECT stage, n, p50 FROM weft_latency WHERE path = 'cross' AND stage = 'service'"
    first = weft_sql(capture, query, "--json")
    assert first.returncode == 0, first.stderr
    (row,) = json.loads(first.stdout)
    assert row["stage"] == "service" and row["n"] >= 20
    second = weft_sql(timeline, "--csv", stdin=query)
    assert second.stdout.splitlines() == ["stage,n,p50", f"service,{row['n']},{row['p50']}"]


@pytest.mark.parametrize("query, words", [("SELECT x FROM nowhere", "nowhere"), ("BAD", "syntax")])
def test_a_bad_query_is_one_line(tool, tmp_path, query, words):
    done = weft_sql(stories.whole(1).capture.write(tmp_path / "a.weft"), query)
    assert done.returncode == 2 and words in done.stderr
    assert done.stderr.startswith("weft: ") and done.stderr.count("\n") == 1


def test_a_missing_file_is_one_line(tmp_path):
    done = weft_sql(tmp_path / "none.weft", "SELECT 1")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "none.weft" in done.stderr


def main(capture: str) -> None:
    """Asks both for their figures of a capture and prints where they differ."""
    answers, rows = (subprocess.run([sys.executable, str(ROOT / "weft"), "trace", *command, "--json"],
                                    stdout=subprocess.PIPE, text=True, check=True).stdout
                     for command in (("latency", capture), ("sql", capture, LATENCY)))
    found = differences(json.loads(answers), [tuple(row.values()) for row in json.loads(rows)])
    print(*found, f"{json.loads(answers)['messages']} messages, {len(found)} differences", sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
