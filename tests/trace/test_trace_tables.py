# SPDX-License-Identifier: Apache-2.0
"""Tables for NumPy and pandas, and the Common Trace Format: the same events by other ways."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import duckdb
import numpy as np
import pandas
import pytest
import stories
import weft.trace
from stories import PANG, PING, PONG, Story


@pytest.fixture
def capture(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_TRACE", str(tool.path))

    def load(story: Story) -> weft.trace.Capture:
        return weft.trace.load(story.capture.write(tmp_path / "a.weft"))

    return load


def test_messages_have_the_stages_of_the_latency_report(capture, tool, tmp_path):
    messages = capture(stories.whole(30)).table("messages")
    calls = messages[(messages["one_way"] == 0) & (messages["aborted"] == 0)]
    stages = weft.trace.stages(calls)
    total = calls["resume"].astype(np.int64) - calls["enter"].astype(np.int64)
    assert (sum(stages.values()) == total).all()
    for path in tool.json("latency", tmp_path / "a.weft")["paths"]:
        rows = ((calls["client"] == path["client"]["thread"]) & (calls["server"] == path["server"]["thread"])
                & (calls["path"] == weft.trace.ENUMS["ipc_path"][path["path"]]))
        assert rows.sum() == path["n"]
        assert total[rows].max() == path["max"] and total[rows].sum() / rows.sum() == pytest.approx(
            path["mean"], abs=0.1)
        for stage, figures in path["stages"].items():
            assert (stages[stage][rows].min(), stages[stage][rows].max()) == (
                figures["min"], figures["max"])


def test_messages_say_how_they_went(capture):
    story = Story()
    stories.one_way(story)
    stories.saved_call(story)
    stories.failed_call(story)
    sent, saved, failed = capture(story).table("messages")
    assert sent["one_way"] == 1 and sent["server"] == PONG and sent["answerer"] == 0
    assert saved["saved"] == 1 and (saved["server"], saved["answerer"]) == (PANG, PONG)
    assert failed["aborted"] == 1 and failed["server"] == 0


def test_the_schedule_adds_up_to_what_the_statistics_say(capture, tool, tmp_path):
    loaded = capture(stories.whole(30))
    schedule, states = loaded.table("schedule"), loaded.table("states")
    stat = tool.json("stat", tmp_path / "a.weft")
    length = (schedule["end"] - schedule["start"]).astype(np.int64)
    time = (states["end"] - states["start"]).astype(np.int64)
    running = [number for number, name in weft.trace.states().items() if name == "running"][0]
    for row in stat["threads"]:
        if not row["idle"]:
            mine = schedule["thread"] == row["thread"]
            assert length[mine].sum() == row["running"]
            mine = (states["thread"] == row["thread"]) & (states["state"] == running)
            # The schedule also knows who ran before a CPU's first switch.
            assert 0 <= row["running"] - time[mine].sum() <= stat["end"]
            ready = (states["thread"] == row["thread"]) & (states["state"] == 0)
            assert time[ready].sum() == row["runnable"]
    for cpu in (0, 1):  # stretches follow each other without a gap
        mine = schedule[schedule["cpu"] == cpu]
        assert (mine["end"][:-1] == mine["start"][1:]).all()


def test_interrupts_slices_and_marks_are_rows(capture):
    story = Story()
    stories.timer(story)
    stories.own_events(story)
    loaded = capture(story)
    (irq,) = loaded.table("interrupts")
    assert (irq["vector"], irq["end"] - irq["start"], irq["thread"]) == (0x20, 300, PING)
    (work,) = loaded.table("slices")
    assert (work["name"], work["value"], work["depth"]) == (stories.SLICE_NAME, 7, 0)
    counter, mark = loaded.table("marks")
    assert (counter["name"], counter["counter"], mark["name"], mark["value"]) == (
        stories.COUNTER_NAME, 1, 99, 3)


def test_an_interrupt_that_ends_unseen_takes_no_time_of_later_ones(capture, tool, tmp_path):
    """Its category goes off in the middle of it: neither it nor what comes later lasts until the end."""
    story = Story()
    story.at(0, "irq_entry", vector=0x21)
    story.at(0, "mask", mask=0xF7)
    story.at(0, "mask", mask=0xFF, after=100_000)
    stories.timer(story)
    (irq,) = capture(story).table("interrupts")
    assert (irq["vector"], irq["end"] - irq["start"]) == (0x20, 300)
    cpu = tool.json("stat", tmp_path / "a.weft")["cpus"][0]
    assert (cpu["interrupt_count"], cpu["interrupts"]) == (2, 300)


def test_memory_is_told_of_each_process(capture):
    story = Story()
    for free in (100, 96, 100):
        story.at(0, "memory", process=stories.SERVER, free=free)
    loaded = capture(story)
    assert loaded.table("memory")["free"].tolist() == [100, 96, 100]
    assert loaded.frame("memory")["process_name"].tolist() == ["server"] * 3


def test_an_empty_table_is_empty(capture):
    loaded = capture(Story())
    assert len(loaded.table("slices")) == 0 and "depth" in loaded.table("slices").dtype.names


def test_an_unknown_table_is_refused(capture, tool, tmp_path):
    loaded = capture(Story())
    with pytest.raises(weft.trace.TableError, match="no table tea"):
        loaded.table("tea")
    assert "no table tea" in tool.refuses("table", loaded.path, "--name", "tea", "-o", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_frames_have_names_and_parquet_holds_them(capture, tmp_path):
    loaded = capture(stories.whole(10))
    messages = loaded.frame("messages")
    waited = loaded.frame("states")["start"].iloc[0] - messages["enter_at"]
    assert waited.dtype == np.int64 and (waited < 0).any()  # times can be subtracted
    stages = messages[list(weft.trace.STAGES)].sum(axis=1)
    assert (stages == messages["total"]).all()
    assert set(messages["client_name"]) == {"ping"} and set(messages["path"]) == {
        "cross", "direct", "queued"}
    assert set(loaded.frame("slices")["name"]) == {"work"}
    assert {"running", "blocked_call"} <= set(loaded.frame("states")["state"])
    paths = loaded.to_parquet(tmp_path / "tables")
    assert [path.stem for path in paths] == list(weft.trace.TABLES)
    assert pandas.read_parquet(paths[2])["total"].tolist() == messages["total"].tolist()


def test_the_files_are_read_by_others(capture, tmp_path):
    """DuckDB brings a reader of its own: the rows, types and names that it finds are those of the frames."""
    loaded = capture(stories.whole(10))
    for path in loaded.to_parquet(tmp_path / "tables"):
        frame = loaded.frame(path.stem)
        relation = duckdb.sql(f"SELECT * FROM '{path}'")
        assert relation.columns == list(frame.columns)
        assert relation.fetchall() == [tuple(row) for row in frame.astype(object).itertuples(index=False)]
    (slowest,) = duckdb.sql(f"SELECT path, max(total) AS longest FROM '{tmp_path}/tables/messages.parquet' "
                            "WHERE client_name = 'ping' GROUP BY path ORDER BY longest DESC LIMIT 1").fetchall()
    messages = loaded.frame("messages")
    row = messages.loc[messages["total"].idxmax()]
    assert slowest == (row["path"], row["total"])


@pytest.mark.parametrize("package, use", [
    ("pandas", lambda loaded, folder: loaded.frame("messages")),
    ("pyarrow", lambda loaded, folder: loaded.to_parquet(folder)),
])
def test_a_missing_package_is_named_in_one_line(capture, tmp_path, monkeypatch, package, use):
    loaded = capture(Story())
    monkeypatch.setitem(sys.modules, package, None)  # what import then makes of it: not found
    with pytest.raises(weft.trace.TableError, match=f"^{package} is not installed .*weft setup"):
        use(loaded, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


@pytest.fixture
def babeltrace():
    reader = shutil.which("babeltrace2")
    assert reader is not None, "babeltrace2 is not installed (./weft setup)"

    def read(folder) -> list[str]:
        done = subprocess.run([reader, "--no-delta", "--clock-cycles", folder], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.splitlines()

    return read


def test_babeltrace_reads_every_event(tool, babeltrace, tmp_path):
    path = stories.whole(20).capture.write(tmp_path / "a.weft")
    tool.ok("ctf", path, "-o", tmp_path / "ctf")
    lines = babeltrace(tmp_path / "ctf")
    events = [json.loads(line) for line in tool.ok("dump", path, "--json").splitlines()]
    assert len(lines) == len(events)
    # Both sort by time; events of one time and different CPUs may come in another order.
    told = sorted((int(line.split("]")[0].strip("[")), line.split()[1].rstrip(":")) for line in lines)
    assert told == sorted((event["time"], event["event"]) for event in events)
    assert any('switch: { cpu_id = 0 }, { state = ( "blocked_call" : container = 1 ), previous = 10'
               in line for line in lines)


def test_babeltrace_knows_what_was_lost(tool, babeltrace, tmp_path):
    story = Story()
    stories.cross_call(story)
    story.capture.ring(1, 0).lose(2)
    stories.cross_call(story)
    tool.ok("ctf", story.capture.write(tmp_path / "a.weft"), "-o", tmp_path / "ctf")
    reader = shutil.which("babeltrace2")
    done = subprocess.run([reader, tmp_path / "ctf"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "discarded 510 events" in done.stderr
