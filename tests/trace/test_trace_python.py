# SPDX-License-Identifier: Apache-2.0
"""weft.trace: captures as NumPy arrays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import stories
import weft.trace
from synthetic import Capture


def test_records_are_views_of_the_file(tmp_path):
    capture = weft.trace.load(stories.whole(20).capture.write(tmp_path / "a.weft"))
    records = capture.events(0)
    assert not records.flags.owndata and not records.flags.writeable
    base = records
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert np.shares_memory(records, capture._data)


def test_events_are_the_same_as_the_tool_shows(tool, tmp_path):
    path = stories.whole(10).capture.write(tmp_path / "a.weft")
    dumped = [json.loads(line) for line in tool.ok("dump", path, "--json").splitlines()]
    loaded = [{"time": e.time, "cpu": e.cpu, "event": e.name, **e.fields}
              for e in weft.trace.load(path)]
    assert loaded == dumped


def test_columns_can_be_selected_by_event(tmp_path):
    story = stories.whole(10)
    capture = weft.trace.load(story.capture.write(tmp_path / "a.weft"))
    calls = capture.events(0)
    sent = [weft.trace.EVENT_ID["ipc_call"], weft.trace.EVENT_ID["ipc_send"]]
    calls = calls[np.isin(calls["id"], sent)]
    assert calls["a"].tolist() == [stories.PING] * story.messages


def test_times_unwrap(tmp_path):
    synthetic = Capture(cpus=1)
    for offset in (-20, -10, 10, 20):
        synthetic.event(0, offset % (1 << 48), "doorbell_receive")
    capture = weft.trace.load(synthetic.write(tmp_path / "a.weft"))
    times = capture.times(capture.events(0)[1:])
    assert np.diff(times).tolist() == [10, 20, 10]


def test_ticks_become_nanoseconds(tmp_path):
    synthetic = Capture(cpus=1, clock_hz=2_400_000_000)
    capture = weft.trace.load(synthetic.write(tmp_path / "a.weft"))
    assert capture.nanoseconds(np.array([24, 2_400_000_000_001])).tolist() == [10, 1_000_000_000_000]


def test_names_are_resolved(tmp_path):
    names = weft.trace.load(stories.whole(1).capture.write(tmp_path / "a.weft")).names
    assert names.threads[stories.PING] == "ping" and names.processes[stories.SERVER] == "server"
    assert names.process_of[stories.PONG] == stories.SERVER and names.idle == {0: 100, 1: 101}
    assert names.objects[stories.PONG_ENDPOINT] == ("endpoint", stories.SERVER)
    assert names.strings[(stories.CLIENT, stories.COUNTER_NAME)] == "progress"


def test_a_cpu_without_records_is_empty(tmp_path):
    capture = weft.trace.load(Capture(cpus=2).write(tmp_path / "a.weft"))
    assert len(capture.events(1)) == 0 and len(capture.times(capture.events(1))) == 0


@pytest.mark.parametrize("change, words", [
    (lambda data: b"", "a.weft"),
    (lambda data: b"nonsense" * 100, "not a Weft capture"),
    (lambda data: data[:-1], "cut short"),
    (lambda data: data[:16] + bytes(8) + data[24:], "another event schema"),
])
def test_bad_files_are_refused(tmp_path, change, words):
    path = tmp_path / "a.weft"
    path.write_bytes(change(stories.whole(1).capture.to_bytes()))
    with pytest.raises(weft.trace.CaptureError, match=words):
        weft.trace.load(path)
