# SPDX-License-Identifier: Apache-2.0
"""The critical path: known stories hang on whom they should, and no nanosecond is left out."""

from __future__ import annotations

import pytest
import stories
from stories import INTRUDER, PANG, PING, PONG, Story


def path(tool, tmp_path, story: Story, *options: object) -> dict:
    return tool.json("path", story.capture.write(tmp_path / "a.weft"), *options)


def steps(result: dict) -> list[tuple]:
    """(thread, kind, other, length) of each segment, after a look at whether they join."""
    assert sum(s["length"] for s in result["segments"]) == result["to"] - result["from"]
    at = result["from"]
    for segment in result["segments"]:
        assert segment["start"] == at
        at += segment["length"]
    return [(s["thread"]["name"], s["kind"], s["other"] and s["other"]["name"], s["length"])
            for s in result["segments"]]


def test_a_cross_core_call_goes_there_and_back(tool, tmp_path):
    story = Story()
    stories.cross_call(story)
    assert steps(path(tool, tmp_path, story)) == [
        ("ping", "running", None, 100), ("pong", "crossing", "ping", 800),
        ("pong", "ready", None, 100), ("pong", "running", None, 800),
        ("ping", "crossing", "pong", 300), ("ping", "ready", None, 100)]


def test_a_direct_call_hands_the_cpu_over(tool, tmp_path):
    story = Story()
    stories.direct_call(story)
    assert steps(path(tool, tmp_path, story)) == [("ping", "running", None, 10),
                                                  ("pang", "running", None, 205)]


@pytest.mark.parametrize("in_service", [False, True])
def test_a_planted_delay_is_on_the_path_of_its_message_only(tool, tmp_path, in_service):
    story = Story()
    story.capture.thread(INTRUDER, "intruder", stories.SERVER, cpu=1)
    before = stories.cross_call(story)
    hit = stories.delayed_call(story, in_service=in_service)
    after = stories.cross_call(story)
    waits = [s for s in steps(path(tool, tmp_path, story)) if s[1] == "ready" and s[2]]
    assert [(name, other) for name, _, other, _ in waits] == [("pong", "intruder")]
    assert 5000 <= waits[0][3] <= 5200
    assert steps(path(tool, tmp_path, story, "--message", hit)) == steps(path(tool, tmp_path, story))
    for message in (before, after):
        assert all(s[2] != "intruder" for s in steps(path(tool, tmp_path, story, "--message", message)))


def test_the_answer_of_somebody_else_leads_to_him(tool, tmp_path):
    story = Story()
    stories.saved_call(story)
    assert steps(path(tool, tmp_path, story))[-3:] == [
        ("pong", "running", None, 100), ("ping", "crossing", "pong", 500), ("ping", "ready", None, 300)]


def test_any_thread_and_time_can_be_asked_for(tool, tmp_path):
    story = Story()
    stories.timer(story)
    result = path(tool, tmp_path, story, "--thread", PANG, "--from", 1000, "--to", story.now)
    assert result["thread"]["thread"] == PANG and result["to"] == story.now
    assert ("pang", "ready", "ping", 200) in steps(result)


def test_everything_at_once_ends_and_joins(tool, tmp_path):
    story = stories.whole(20)
    for thread in (PING, PONG, PANG):
        result = path(tool, tmp_path, story, "--thread", thread, "--from", 0, "--to", story.now)
        assert len(steps(result)) > 20


@pytest.mark.parametrize("options", [
    ("--message", 12345), ("--thread", 9999, "--from", 0, "--to", 10),
    ("--thread", PING, "--from", 10, "--to", 10),
])
def test_what_is_not_there_is_refused_in_one_line(tool, tmp_path, options):
    assert "no such" in tool.refuses(
        "path", stories.whole(1).capture.write(tmp_path / "a.weft"), *options)


def test_text_names_the_threads(tool, tmp_path):
    story = Story()
    story.capture.thread(INTRUDER, "intruder", stories.SERVER, cpu=1)
    stories.delayed_call(story)
    text = tool.ok("path", story.capture.write(tmp_path / "a.weft"))
    assert "ready, but intruder had the CPU" in text and "on its way from ping" in text
