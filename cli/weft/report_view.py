# SPDX-License-Identifier: Apache-2.0
"""Serve a benchmark report whose links open timelines: what `weft view --report DIR` does.

The page and the files beside it come from the run's folder, and each link to a place in a timeline (`data-at`,
see weft.bench.report.places) is turned into one that opens the offline viewer there:

    /                                                   the report
    /timeline?trace=NAME&from=NS&to=NS&tracks=NAMES     the viewer; its own script goes to the place
    /NAME                                               a file of the run; a capture is converted for the viewer

Everything is on the loopback address, and nothing but the run's files and the viewer's is served.
"""

from __future__ import annotations

import re
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

from weft import view
from weft.failure import Failure
from weft.view import Resource

PAGE = "report.html"
LINK = re.compile(rb'data-at="([^"]*)" href="[^"]*"')
KINDS = {
    ".json": "application/json",
    ".jsonl": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".pftrace": "application/octet-stream",
    ".weft": "application/octet-stream",
}
CONVERTED = "/converted/"


def serve(page: Path) -> int:
    """Until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="weft-report-") as scratch:
        with make_server(page, Path(scratch)) as server:
            return view.serve_until_interrupted(server, str(page), f"http://{view.HOST}:{server.server_port}/")


def make_server(page: Path, scratch: Path, port: int = view.PORT) -> ThreadingHTTPServer:
    """A server for a report, not yet serving; port 0 takes any. Captures are converted into `scratch`."""
    if not page.is_file():
        raise Failure(f"no report {page} (./weft bench writes one)", code=2)
    folder = page.parent
    resources = view.viewer_files()
    server = view.bind(resources, port)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.suffix in KINDS]
    for name in names:
        resources[f"/{quote(name)}"] = Resource(folder / name, KINDS[Path(name).suffix])
    captures = [name for name in names if name.endswith(".weft")]
    for name in captures:
        resources[CONVERTED + quote(name)] = Resource(_Conversion(folder / name, scratch), KINDS[".pftrace"])
    shown = {name: f"/{quote(name)}" for name in names if name.endswith(".pftrace")}
    shown |= {name: CONVERTED + quote(name) for name in captures}

    def timeline(query: str) -> bytes | None:
        name = parse_qs(query).get("trace", [""])[0]
        return view.viewer_page(server.server_port, shown[name]) if name in shown else None

    resources["/favicon.ico"] = Resource(b"", view.TYPES[".png"])
    resources["/timeline"] = Resource(timeline, view.TYPES[".html"])
    for path in ("/", f"/{PAGE}"):
        resources[path] = Resource(lambda _: with_links(page.read_bytes()), view.TYPES[".html"])
    return server


def with_links(page: bytes) -> bytes:
    """The page as it is served: links to places open them."""
    return LINK.sub(rb'href="/timeline?\1"', page)


class _Conversion:
    """A capture as Perfetto reads it, converted when it is asked for the first time."""

    def __init__(self, capture: Path, scratch: Path) -> None:
        self._capture = capture
        self._scratch = scratch
        self._lock = threading.Lock()
        self._made: Path | None = None

    def __call__(self, _query: str) -> Path | None:
        with self._lock:
            if self._made is None:
                folder = Path(tempfile.mkdtemp(dir=self._scratch))
                try:
                    self._made = view.converted(self._capture, folder)
                except Failure:
                    return None
            return self._made
