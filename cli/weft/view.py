# SPDX-License-Identifier: Apache-2.0
"""Show a timeline in Perfetto's UI, or a report whose links do: what `weft view` does.

Without --offline the trace is served on 127.0.0.1:9001, the one local address from which Perfetto's
own page takes files, and the link that opens it there is printed. With --offline, or when Perfetto's
page cannot be reached, a page is served too: the offline viewer, see offline.py. With --screenshot that
page is drawn into a file instead, see screenshot.py.

`make_server` is the part that tests use: it serves a converted trace until it is shut down. The
server answers on the loopback address only, and only for the files in its table.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlencode

from weft import build, offline as offline_page, setup
from weft.failure import Failure
from weft.paths import OUT

HOST = "127.0.0.1"
PORT = 9001
UI_ORIGIN = "https://ui.perfetto.dev"
TRACE_PATH = "/trace.pftrace"
CHUNK = 1 << 20
REACH_SECONDS = 3.0

TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Resource:
    """What is served at a path: a file, bytes, or what a function makes of the query (None: nothing there)."""

    content: Path | bytes | Callable[[str], Path | bytes | None]
    kind: str


def make_server(trace: Path, offline: bool = False, port: int = PORT) -> ThreadingHTTPServer:
    """A server for a .pftrace, not yet serving; port 0 takes any. Raises Failure if it is taken."""
    resources = {TRACE_PATH: Resource(trace, "application/octet-stream")}
    server = bind(resources, port)
    if offline:
        resources |= viewer_files()
        resources["/"] = Resource(viewer_page(server.server_port, TRACE_PATH), TYPES[".html"])
    return server


def bind(resources: dict[str, Resource], port: int) -> ThreadingHTTPServer:
    """A server for these paths and no others."""

    class Bound(_Handler):
        table = resources

    try:
        return ThreadingHTTPServer((HOST, port), Bound)
    except OSError as error:
        raise Failure(f"cannot serve on {HOST}:{port}: {error.strerror}") from error


def viewer_page(port: int, path: str) -> bytes:
    """The offline viewer's page for the trace at a path of this server."""
    return offline_page.INDEX.replace("@TRACE@", f"http://{HOST}:{port}{path}").encode()


def viewer_files() -> dict[str, Resource]:
    """What the offline viewer consists of besides."""
    found = {}
    for path in sorted(offline_page.FOLDER.rglob("*")):
        if path.suffix in TYPES:
            found["/" + path.relative_to(offline_page.FOLDER).as_posix()] = Resource(path, TYPES[path.suffix])
    scripts = {"quiet": offline_page.QUIET, "labels": offline_page.LABELS, "place": offline_page.PLACE}
    return found | {f"/{name}.js": Resource(text.encode(), TYPES[".js"]) for name, text in scripts.items()}


class _Handler(BaseHTTPRequestHandler):
    """GET, HEAD and the browser's question before it fetches from a local address."""

    table: dict[str, Resource] = {}
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self._end(0)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path, _, query = self.path.partition("?")
        resource = self.table.get(path)
        content = resource.content if resource else None
        if callable(content):
            content = content(query)
        if resource is None or content is None:
            self.send_response(HTTPStatus.NOT_FOUND)
            self._end(0)
            return
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", resource.kind)
        self.send_header("Content-Security-Policy", offline_page.POLICY)
        self._end(size)
        if body:
            with contextlib.suppress(ConnectionError):  # a browser may change its mind
                self._send(content, size)

    def _send(self, content: Path | bytes, size: int) -> None:
        if isinstance(content, bytes):
            self.wfile.write(content)
            return
        with content.open("rb") as file:
            while size > 0 and (piece := file.read(min(CHUNK, size))):
                self.wfile.write(piece)
                size -= len(piece)

    def _end(self, size: int) -> None:
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", UI_ORIGIN)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: who looks at a timeline does not want to read requests."""


def main(arguments: argparse.Namespace) -> int:
    if arguments.report is not None or (arguments.file or "").endswith(".html"):
        return _report(arguments)
    source = Path(arguments.file) if arguments.file else _newest()
    if not source.is_file():
        raise Failure(f"no file {source}", code=2)
    if arguments.screenshot is None and (arguments.start is None) != (arguments.end is None):
        raise Failure("a part of the timeline has two ends: give both --from and --to", code=2)
    if None not in (arguments.start, arguments.end) and arguments.end <= arguments.start:
        raise Failure("the part to show has no length (--from is not before --to)", code=2)
    offline = arguments.offline or arguments.screenshot is not None or not _online()
    if offline:
        setup.setup("view")
    with tempfile.TemporaryDirectory(prefix="weft-view-") as folder:
        trace = converted(source, Path(folder))
        if arguments.screenshot is not None:
            return _screenshot(trace, arguments)
        return _serve(source, trace, offline, arguments)


def _report(arguments: argparse.Namespace) -> int:
    from weft import report_view

    if arguments.screenshot is not None or (arguments.start, arguments.end, arguments.tracks) != (None,) * 3:
        raise Failure("--screenshot, --from, --to and --tracks are for a timeline, not for a report", code=2)
    if arguments.report is not None and arguments.file:
        raise Failure(f"a report or a file, not both: --report {arguments.report} and {arguments.file}", code=2)
    page = Path(arguments.file) if arguments.file else Path(arguments.report) / "report.html"
    setup.setup("view")
    return report_view.serve(page)


def _online() -> bool:
    """Whether Perfetto's own page can be reached from here."""
    try:
        socket.create_connection((UI_ORIGIN.removeprefix("https://"), 443), REACH_SECONDS).close()
    except OSError:
        print("Perfetto's own page cannot be reached: the offline viewer is used", flush=True)
        return False
    return True


def _screenshot(trace: Path, arguments: argparse.Namespace) -> int:
    from weft import screenshot

    tracks = tuple(filter(None, (name.strip() for name in (arguments.tracks or "").split(","))))
    wish = screenshot.Wish(arguments.start, arguments.end, tracks)
    screenshot.take(trace, Path(arguments.screenshot), wish)
    print(f"wrote {arguments.screenshot}")
    return 0


def _serve(source: Path, trace: Path, offline: bool, arguments: argparse.Namespace) -> int:
    with make_server(trace, offline) as server:
        return serve_until_interrupted(server, str(source), _link(offline, arguments))


def _link(offline: bool, arguments: argparse.Namespace) -> str:
    """What to open, with the part to show as the two pages understand it."""
    page = f"http://{HOST}:{PORT}"
    span = None if arguments.start is None else (arguments.start, arguments.end)
    if not offline:
        part = f"&visStart={span[0]}&visEnd={span[1]}" if span else ""
        return f"{UI_ORIGIN}/#!/?url={page}{TRACE_PATH}{part}"
    wish = {"from": span[0], "to": span[1]} if span else {}
    wish |= {"tracks": arguments.tracks} if arguments.tracks else {}
    return f"{page}/" + (f"?{urlencode(wish, quote_via=quote)}" if wish else "")


def serve_until_interrupted(server: ThreadingHTTPServer, what: str, link: str) -> int:
    """Says where to look and answers until Ctrl-C."""
    print(f"{what}: open {link}", flush=True)
    print("Ctrl-C ends", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


def _newest() -> Path:
    """The timeline that was written last."""
    found = sorted(OUT.rglob("*.pftrace"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Failure("there is no timeline below out/ yet (./weft run and ./weft bench write one)", code=2)
    return found[-1]


def converted(source: Path, folder: Path) -> Path:
    """The file itself, or a capture converted into `folder`."""
    if source.suffix != ".weft":
        return source
    setup.setup("run")
    tool = build.host_tool()
    build.build([tool])
    result = folder / "trace.pftrace"
    done = subprocess.run([tool, "convert", source, "-o", result], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Failure(f"cannot convert {source}: {last}")
    return result
