# SPDX-License-Identifier: Apache-2.0
"""A picture of a timeline: what `weft view FILE --screenshot OUT.png` does.

The offline viewer draws it in a headless Chromium. `--from` and `--to` give the part to show, in the
nanoseconds that the other trace commands print; `--tracks` names the tracks, one behind the other with
commas (`*` and `?` stand for any text), and the picture holds these, in this order, with all arrows
between them. Without it, it holds the top of the page.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from weft import view
from weft.browser import Browser, BrowserError, Page
from weft.failure import Failure

WIDTH, HEIGHT = 1600, 1000
LOAD_SECONDS = 300
ARROW_SECONDS = 10

# What the UI says in the place of a file that is no timeline; empty while all is well.
FAILED = """
    /Cannot open this file|Oops, something went wrong/.test(document.body.innerText)
        ? window.globals.state.status.msg : ""
"""
READY = """
    window.globals && window.Actions && Object.values(globals.state.engines).length > 0
    && Object.values(globals.state.engines).every((engine) => engine.ready)
    && Object.keys(globals.state.tracks).length > 0
"""
# `visibleWindowTime` is of the UI's own class for spans, which has no other way in from outside.
ZOOM = """
    globals.frontendLocalState.updateVisibleTime(
        new globals.frontendLocalState.visibleWindowTime.constructor(%.12f, %.12f));
"""
PIN = "globals.dispatch(Actions.toggleTrackPinned({trackId: %s}));"
# Arrows are looked up for what is selected. They stay when the selection, which shades the area, is gone.
SELECT = """
    globals.dispatch(Actions.selectArea({area: {startSec: %.12f, endSec: %.12f, tracks: %s}}));
"""
KEEP_ARROWS = """
    const kept = globals.selectedFlows;
    Object.defineProperty(globals, "selectedFlows", {get: () => kept, set() {}});
    globals.visibleFlowCategories.set("_all_", true);
    globals.dispatch(Actions.deselect({}));
    globals.rafScheduler.scheduleFullRedraw();
"""
QUIET = "globals.numQueuedQueries === 0"
# Two frames after the last query has been answered everything is drawn.
DRAWN = """
    new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 400))))
"""
EXTENT = """
    JSON.stringify((() => {
        const box = document.querySelector(".pinned-panel-container").getBoundingClientRect();
        return [box.x, box.y, box.width, box.height];
    })())
"""


@dataclass(frozen=True)
class Wish:
    """What the picture shall show; times in nanoseconds."""

    start: int | None = None
    end: int | None = None
    tracks: tuple[str, ...] = ()


def take(trace: Path, picture: Path, wish: Wish) -> None:
    """Writes the picture of a .pftrace."""
    with view.make_server(trace, offline=True, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Browser(WIDTH, HEIGHT) as browser:
                page = browser.open(f"http://{view.HOST}:{server.server_port}/")
                page.wait_for(f"({FAILED}) || ({READY})", LOAD_SECONDS)
                if failed := page.evaluate(FAILED):
                    raise Failure(f"{trace} is no timeline: {failed.splitlines()[0]}", code=2)
                _picture(page, picture, wish)
        except BrowserError as error:
            raise Failure(f"no picture: {error}") from error
        except OSError as error:
            raise Failure(f"{picture}: {error.strerror}", code=2) from error
        finally:
            server.shutdown()
            thread.join()


def _picture(page: Page, picture: Path, wish: Wish) -> None:
    begin, end = json.loads(page.evaluate(
        "JSON.stringify([globals.state.traceTime.startSec, globals.state.traceTime.endSec])"))
    begin = begin if wish.start is None else wish.start / 1e9
    end = end if wish.end is None else wish.end / 1e9
    if end <= begin:
        raise Failure("the part to show has no length (--from is not before --to)", code=2)
    chosen = _pin(page, wish.tracks) if wish.tracks else []
    page.evaluate(ZOOM % (begin, end))
    if chosen:
        _draw_arrows(page, begin, end, chosen)
    page.wait_for(QUIET, LOAD_SECONDS)
    page.evaluate(DRAWN)
    clip = None
    if chosen:
        x, y, width, height = json.loads(page.evaluate(EXTENT))
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
    page.screenshot(picture, clip)


def _pin(page: Page, names: tuple[str, ...]) -> list[str]:
    """Puts the named tracks on top; their ids."""
    tracks: dict[str, dict[str, Any]] = json.loads(page.evaluate(
        "JSON.stringify(Object.fromEntries(Object.entries(globals.state.tracks)"
        ".map(([id, track]) => [id, {name: trackLabel(track)}])))"))
    chosen: list[str] = []
    for name in names:
        found = [key for key, track in tracks.items()
                 if fnmatchcase(track["name"].lower(), name.lower()) and key not in chosen]
        if not found:
            known = ", ".join(sorted({track["name"] for track in tracks.values()})[:12])
            raise Failure(f"the timeline has no track '{name}' (it has {known}, ...)", code=2)
        chosen += found
    for key in chosen:
        page.evaluate(PIN % json.dumps(key))
    return chosen


def _draw_arrows(page: Page, begin: float, end: float, tracks: list[str]) -> None:
    page.evaluate(SELECT % (begin, end, json.dumps(tracks)))
    with contextlib.suppress(BrowserError):  # there may be no arrow
        page.wait_for("globals.selectedFlows.length > 0", ARROW_SECONDS)
    page.evaluate(KEEP_ARROWS)
    page.wait_for("globals.state.currentSelection === null")
