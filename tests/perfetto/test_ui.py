# SPDX-License-Identifier: Apache-2.0
"""The offline UI opens a real timeline without a complaint, and shows CPU tracks and arrows.

The last test leaves a picture of it in out/test/timeline.png.
"""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from weft import view
from weft.browser import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
CPUS = 4
LOAD_SECONDS = 90
READY = """
    Object.values(globals.state.engines).length > 0
    && Object.values(globals.state.engines).every((engine) => engine.ready)
    && Object.keys(globals.state.tracks).length > 0
"""
# Arrows are the only curves that the UI draws.
COUNT_CURVES = """
    window.curves = 0;
    const draw = CanvasRenderingContext2D.prototype.bezierCurveTo;
    CanvasRenderingContext2D.prototype.bezierCurveTo = function (...points) {
        window.curves++;
        return draw.apply(this, points);
    };
"""
SELECT_ALL = """
    globals.dispatch(Actions.selectArea({area: {
        startSec: globals.state.traceTime.startSec,
        endSec: globals.state.traceTime.endSec,
        tracks: Object.keys(globals.state.tracks),
    }}));
"""
SELECT_SLICE = """
    globals.makeSelection(Actions.selectChromeSlice({
        id: %d,
        trackId: Object.entries(globals.state.tracks).find(([_, track]) => track.config.trackId === %d)[0],
        table: "slice",
    }));
"""
# `visibleWindowTime` is of the UI's own class for spans, which has no other way in from outside.
ZOOM = """
    globals.frontendLocalState.updateVisibleTime(
        new globals.frontendLocalState.visibleWindowTime.constructor(%f, %f));
"""


@pytest.fixture(scope="module")
def timeline(weft: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The timeline of a self-test, in the mode that makes it the same every time."""
    out = tmp_path_factory.mktemp("ui")
    done = weft("run", "--cpus", CPUS, "--accel", "icount", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "trace.pftrace"


@pytest.fixture(scope="module")
def page(timeline: Path) -> Iterator[Page]:
    """The UI with the timeline loaded."""
    with view.make_server(timeline, offline=True, port=0) as server, Browser(1600, 1700) as browser:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            page = browser.open(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for(f"window.globals && window.Actions && {READY}", LOAD_SECONDS)
            page.evaluate(COUNT_CURVES)
            yield page
        finally:
            server.shutdown()
            thread.join()


def flows(page: Page) -> list[dict[str, Any]]:
    """All flows between slices, as the UI itself found them."""
    page.evaluate(SELECT_ALL)
    page.wait_for("globals.selectedFlows.length > 0")
    return list(json.loads(page.evaluate("JSON.stringify(globals.selectedFlows)")))


def test_it_opens_without_a_complaint(page: Page) -> None:
    assert page.complaints == []


def test_every_cpu_has_its_track(page: Page) -> None:
    tracks = json.loads(page.evaluate("JSON.stringify(Object.values(globals.state.tracks))"))
    names = [track["name"] for track in tracks if track["kind"] == "CpuSliceTrack"]
    assert names == [f"Cpu {number}" for number in range(CPUS)]
    assert any(track["kind"] == "ThreadStateTrack" for track in tracks)


def test_no_arrow_runs_backwards(page: Page) -> None:
    found = flows(page)
    backwards = [flow for flow in found if flow["begin"]["sliceEndTs"] > flow["end"]["sliceStartTs"]]
    assert found and not backwards


def test_an_arrow_is_drawn_for_a_message(page: Page, timeline: Path) -> None:
    sends = [
        flow
        for flow in flows(page)
        if flow["begin"]["sliceName"] == "send" and flow["begin"]["trackId"] != flow["end"]["trackId"]
    ]
    assert sends
    flow = max(sends, key=lambda flow: flow["end"]["sliceStartTs"] - flow["begin"]["sliceEndTs"])
    begin, end = flow["begin"], flow["end"]
    page.evaluate(SELECT_SLICE % (begin["sliceId"], begin["trackId"]))
    page.wait_for("globals.connectedFlows.length > 0")
    span = max(end["sliceEndTs"] - begin["sliceStartTs"], 20e-6)
    page.evaluate("window.curves = 0")
    page.evaluate(ZOOM % (begin["sliceStartTs"] - span, end["sliceEndTs"] + span))
    page.wait_for("window.curves > 0")
    # Once more when the details are loaded, so that the picture is complete.
    page.wait_for("globals.state.status.msg === '' || globals.numQueuedQueries === 0")
    page.screenshot(ROOT / "out" / "test" / "timeline.png")
    assert page.complaints == []
