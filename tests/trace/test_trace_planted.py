# SPDX-License-Identifier: Apache-2.0
"""A delay that a real guest plants (tests/boot/delayed.c): a thread of a higher priority wakes up on the
server's CPU. `latency` and `path` name it for the messages that it hit, and for no others.

Which messages these are is found in other ways than the tools find it: from what the guest has measured
itself, and from when the intruder was on that CPU.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import weft.trace

SHARE = 16  # an obstacle that takes less than this part of a round trip is not counted
OTHERS_ASKED = 60


@dataclass
class Planted:
    """A run of the guest: what it said of itself, the capture, and what `latency` says of each message."""

    said: dict[str, Any]
    capture: weft.trace.Capture
    latency: dict[str, Any]
    calls: np.ndarray  # in the order in which they were made

    def named(self) -> dict[int, dict[str, Any]]:
        """Number of the call -> the obstacle, where the intruder is one."""
        numbers = {int(message): number for number, message in enumerate(self.calls["enter"])}
        assert len(numbers) == len(self.calls) == len(self.latency["slowest"])
        found = {}
        for row in self.latency["slowest"]:
            for obstacle in row["obstacles"]:
                if obstacle["kind"] == "thread":
                    assert obstacle["thread"]["name"] == "intruder"
                    found[numbers[row["start"]]] = obstacle
        return found

    def overlaps(self) -> np.ndarray:
        """For how long the intruder had the server's CPU while a call needed it: from its arrival there to
        the answer, or, if the client lives there too, until that runs again."""
        (intruder,) = (thread for thread, name in self.capture.names.threads.items() if name == "intruder")
        rows = self.capture.table("schedule")
        runs = rows[rows["thread"] == intruder]
        here = self.calls["client_cpu"] == self.calls["server_cpu"]
        last = np.where(here, self.calls["resume"], self.calls["reply"])
        begin = np.maximum.outer(self.calls["take"], runs["start"])
        end = np.minimum.outer(last, runs["end"])
        return np.maximum(end.astype(np.int64) - begin.astype(np.int64), 0).sum(axis=1)


@pytest.fixture
def planted(boot, tool, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("WEFT_TRACE", str(tool.path))

    def run(accel: str, words: str, client: int) -> Planted:
        with boot(image="test_delayed", cpus=4, accel=accel, cmdline=words, timeout=120) as guest:
            assert guest.wait().kind == "ok", guest.console[-5:]
            path = guest.capture(tmp_path / "planted.weft")
            (said,) = (record for record in guest.records if record["record"] == "delayed")
        latency = tool.json("latency", path, "--slowest", said["calls"])
        assert latency["lost_events"] == 0 and len(latency["slowest"]) == said["calls"]
        capture = weft.trace.load(path)
        calls = np.array(capture.table("messages"))
        assert (calls["client_cpu"] == client).all()
        return Planted(said, capture, latency, calls[np.argsort(calls["enter"])])

    return run


def path_names_the_intruder(tool, capture: Path, message: int) -> bool:
    result = json.loads(tool.ok("path", capture, "--message", message, "--json"))
    return any(segment["kind"] == "ready" and (segment["other"] or {}).get("name") == "intruder"
               for segment in result["segments"])


def test_exactly_the_calls_that_the_guest_found_slow_are_explained(planted, tool):
    """In instructions, where nothing else is slow."""
    run = planted("icount", "calls=1000 every=180", client=0)
    slow = set(run.said["slow"])
    assert run.said["delays"] >= len(slow) > 20
    named = run.named()
    assert set(named) == slow
    assert {obstacle["cpu"] for obstacle in named.values()} == {1}
    assert {"dispatch", "service"} >= {obstacle["stage"] for obstacle in named.values()}
    assert all(obstacle["length"] >= 60_000 for obstacle in named.values())  # as long as it was planted
    (summary,) = (row for row in run.latency["obstacles"] if row["worst"]["kind"] == "thread")
    assert summary["messages"] == len(slow)

    messages = run.calls["message"].tolist()
    others = [number for number in range(len(messages)) if number not in slow]
    for number in (*sorted(slow), *others[:: len(others) // OTHERS_ASKED]):
        assert path_names_the_intruder(tool, run.capture.path, messages[number]) == (number in slow), number


@pytest.mark.parametrize("accel", ["icount", "tcg"])
@pytest.mark.parametrize("words, client", [("server=1", 0), ("client=2 server=2", 2)],
                         ids=["cross core", "same core"])
def test_who_was_in_the_way_is_named_and_who_was_not_is_not(planted, tool, accel, words, client):
    """Against when the intruder had the CPU. What it took of a round trip may be near the share from which
    on it counts; then both answers are right."""
    run = planted(accel, f"{words} calls=1000 delays=20 work=100 delay=300 every=1000", client=client)
    assert run.said["delays"] >= 20
    total = (run.calls["resume"] - run.calls["enter"]).astype(np.int64)
    overlap = run.overlaps()
    named = set(run.named())
    hit = set(np.flatnonzero(overlap * SHARE > 2 * total).tolist())
    near = set(np.flatnonzero(overlap > 0).tolist())
    assert hit and hit <= named <= near, (hit - named, named - near)

    messages = run.calls["message"].tolist()
    for number in sorted(hit)[:OTHERS_ASKED]:
        assert path_names_the_intruder(tool, run.capture.path, messages[number]), number
    others = [number for number in range(len(messages)) if number not in near]
    for number in others[:: max(1, len(others) // OTHERS_ASKED)]:
        assert not path_names_the_intruder(tool, run.capture.path, messages[number]), number
