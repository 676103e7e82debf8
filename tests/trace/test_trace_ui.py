# SPDX-License-Identifier: Apache-2.0
"""What the offline viewer draws of a timeline, in a headless Chromium, and `weft view --screenshot`.

The capture is a story with everything in it, also a gap in the events of CPU 1. What the viewer writes on
its canvases is collected, so that a test can tell what stands in the picture.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import stories
from stories import Story

from weft import screenshot, view
from weft.browser import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"enqueue", "doorbell", "wakeup", "dispatch", "service", "reply", "resume"}
COLLECT_TEXTS = """
    window.texts = new Set();
    const write = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        window.texts.add(String(text));
        return write.call(this, text, ...rest);
    };
"""
LABELS = "[...document.querySelectorAll('.track-shell')].map((box) => box.dataset.name || '')"


@dataclass
class Shown:
    """The viewer with the story, and where in it is what, in ns."""

    page: Page
    capture: Path
    trace: Path
    call: tuple[int, int]
    gap: tuple[int, int]
    work: tuple[int, int]

    def texts(self, span: tuple[int, int], wanted: set[str]) -> set[str]:
        """Shows a part of the timeline until all that is wanted is drawn; what was drawn."""
        self.page.evaluate(screenshot.ZOOM % (span[0] / 1e9, span[1] / 1e9))
        self.page.evaluate(screenshot.DRAWN)  # what comes from now on is of the new part
        self.page.evaluate("window.texts.clear(), globals.rafScheduler.scheduleFullRedraw()")
        self.page.wait_for(f"{json.dumps(sorted(wanted))}.every((text) => window.texts.has(text))", 30)
        return set(self.page.evaluate("[...window.texts]"))


@pytest.fixture(scope="module")
def shown(tool, tmp_path_factory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("ui")
    story = Story()
    spans = []
    for tell in (stories.own_events, stories.timer, stories.cross_call):
        begin = story.now
        tell(story)
        spans.append((begin, story.now))
    story.capture.ring(1, 0).lose(1)
    gap = (story.now, story.now + 5000)
    story.now += 5000
    stories.cross_call(story)
    capture = story.capture.write(folder / "a.weft")
    trace = folder / "a.pftrace"
    tool.ok("convert", capture, "-o", trace)
    with view.make_server(trace, offline=True, port=0) as server, Browser(1600, 1400) as browser:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            page = browser.open(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for(screenshot.READY, 90)
            page.evaluate(COLLECT_TEXTS)
            yield Shown(page, capture, trace, spans[2], gap, spans[0])
        finally:
            server.shutdown()
            thread.join()


def test_every_track_has_its_name_beside_it(shown):
    wanted = ["CPU 0", "CPU 1", "interrupts of CPU 1", "cpu 1 mailbox", "cpu 1 mailbox depth",
              "cpu 0 run queue", "cpu 1 lost events", "ping 10", "ping 10: state", "pong 11", "progress"]
    shown.page.wait_for(f"{json.dumps(wanted)}.every((name) => ({LABELS}).includes(name))", 30)
    kinds = json.loads(shown.page.evaluate(
        "JSON.stringify(Object.fromEntries(Object.values(globals.state.tracks)"
        ".map((track) => [track.name, track.kind])))"))
    assert {kinds[name] for name in ("cpu 1 mailbox depth", "cpu 0 run queue", "progress")} == {
        "CounterTrack"}


def test_a_call_is_drawn_with_its_stages(shown):
    assert {"call server", "serve ping"} <= shown.texts(shown.call, STAGES | {"call server", "serve ping"})


def test_what_a_program_says_is_drawn(shown):
    shown.texts(shown.work, {"work"})


def test_a_gap_is_drawn_where_events_were_lost(shown):
    begin, end = shown.gap
    assert "events lost" in shown.texts((begin - 500, end + 500), {"events lost"})
    assert "events lost" not in shown.texts(shown.work, {"work"})


def test_nobody_complains(shown):
    assert shown.page.complaints == []


def weft_view(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "weft"), "view", *map(str, arguments)],
                          capture_output=True, text=True, timeout=300)


def test_a_picture_holds_the_named_tracks(shown, tmp_path):
    sizes = []
    for name, source, tracks in (("a.png", shown.capture, "CPU ?"), ("b.png", shown.trace, "CPU ?,p?ng *")):
        done = weft_view(source, "--screenshot", tmp_path / name, "--tracks", tracks,
                         "--from", shown.call[0], "--to", shown.call[1])
        assert done.returncode == 0, done.stderr
        data = (tmp_path / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        sizes.append(struct.unpack(">II", data[16:24]))
    assert sizes[0][0] == sizes[1][0] == screenshot.WIDTH
    assert sizes[1][1] >= sizes[0][1] + 100  # pings and pongs: states and messages


@pytest.mark.parametrize("arguments, words", [
    (["--tracks", "nobody"], "has no track 'nobody'"), (["--from", "9000", "--to", "9000"], "no length")])
def test_a_picture_of_nothing_is_one_line(shown, tmp_path, arguments, words):
    done = weft_view(shown.trace, "--screenshot", tmp_path / "a.png", *arguments)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_a_file_that_is_no_timeline_is_one_line(tmp_path):
    (tmp_path / "junk.pftrace").write_bytes(bytes(range(251)) * 100)
    done = weft_view(tmp_path / "junk.pftrace", "--screenshot", tmp_path / "a.png")
    assert done.returncode == 2 and "is no timeline" in done.stderr and done.stderr.count("\n") == 1


def test_half_a_range_is_refused(shown):
    done = weft_view(shown.trace, "--from", "1")
    assert done.returncode == 2 and "--to" in done.stderr and done.stderr.count("\n") == 1
