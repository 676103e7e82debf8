# SPDX-License-Identifier: Apache-2.0
"""What fuzzing has found: captures that made a tool stumble, told by hand. Each must be read to its end."""

from __future__ import annotations

import pytest
from stories import CLIENT, PONG_ENDPOINT, Story

READERS = ("check", "stat", "latency", "path", "dump")


@pytest.fixture
def reads(tool, tmp_path):
    """reads(story): every reader ends with an answer or a refusal, and it is drawn."""

    def run(story: Story) -> None:
        path = story.capture.write(tmp_path / "found.weft")
        for command in READERS:
            done = tool(command, path)
            assert done.returncode in (0, 1, 2), (command, done.returncode, done.stderr)
        tool.ok("convert", path, "-o", tmp_path / "found.pftrace")

    return run


def test_a_thread_whose_id_is_zero_is_drawn_as_a_thread(reads):
    """0 means no thread; here one of that id belongs to a process and calls."""
    story = Story()
    story.capture.thread(0, "nobody", CLIENT)
    story.at(0, "switch", state="runnable", previous=10, next=0)
    story.at(0, "ipc_call", path="cross", client=0, endpoint=PONG_ENDPOINT)
    reads(story)
