# SPDX-License-Identifier: Apache-2.0
"""Show a timeline in Perfetto's UI: what `weft view` does.

Without --offline the trace is served on 127.0.0.1:9001, the one local address from which Perfetto's
own page takes files, and the link that opens it there is printed. With --offline the page is served
too: an older fork of the UI from npm, with an index page written here, and a content policy that
keeps it from reaching for the network.

`make_server` is the part that tests use: it serves a converted trace until it is shut down. The
server answers on the loopback address only, and only for the files in its table.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from weft import build, setup
from weft.failure import Failure
from weft.needs import NPM_FOLDER
from weft.paths import OUT

HOST = "127.0.0.1"
PORT = 9001
UI_ORIGIN = "https://ui.perfetto.dev"
UI_FOLDER = NPM_FOLDER / "node_modules" / "@pinpoint-apm" / "perfetto-ui"
TRACE_PATH = "/trace.pftrace"
CHUNK = 1 << 20

TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}

# The fork takes the trace's address (a complete one) from one element and draws into the other.
INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Weft timeline</title>
<link rel="icon" href="data:,">
<style>html, body, #timeline_main { height: 100%; margin: 0; }</style>
</head>
<body>
<div id="timeline_data_source" hidden>@TRACE@</div>
<div id="timeline_main"></div>
<script src="/quiet.js"></script>
<script src="/frontend_bundle.js"></script>
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

# WebAssembly and the UI's own code generation need unsafe-eval; no other origin is allowed.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; object-src 'none'"
)


@dataclass(frozen=True)
class Resource:
    """What is served at a path: a file, or bytes."""

    content: Path | bytes
    kind: str


def make_server(trace: Path, offline: bool = False, port: int = PORT) -> ThreadingHTTPServer:
    """A server for a .pftrace, not yet serving; port 0 takes any. Raises Failure if it is taken."""
    resources = {TRACE_PATH: Resource(trace, "application/octet-stream")}
    if offline:
        for path in sorted(UI_FOLDER.rglob("*")):
            if path.suffix in TYPES:
                name = "/" + path.relative_to(UI_FOLDER).as_posix()
                resources[name] = Resource(path, TYPES[path.suffix])

    class Bound(_Handler):
        table = resources

    try:
        server = ThreadingHTTPServer((HOST, port), Bound)
    except OSError as error:
        raise Failure(f"cannot serve on {HOST}:{port}: {error.strerror}") from error
    if offline:
        address = f"http://{HOST}:{server.server_port}{TRACE_PATH}"
        page = INDEX.replace("@TRACE@", address)
        resources["/"] = Resource(page.encode(), TYPES[".html"])
        resources["/quiet.js"] = Resource(QUIET.encode(), TYPES[".js"])
    return server


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
        resource = self.table.get(self.path.partition("?")[0])
        if resource is None:
            self.send_response(HTTPStatus.NOT_FOUND)
            self._end(0)
            return
        content = resource.content
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", resource.kind)
        self.send_header("Content-Security-Policy", POLICY)
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
    source = Path(arguments.file) if arguments.file else _newest()
    if not source.is_file():
        raise Failure(f"no file {source}", code=2)
    if arguments.offline:
        setup.setup("view")
    with tempfile.TemporaryDirectory(prefix="weft-view-") as folder:
        trace = _converted(source, Path(folder))
        with make_server(trace, arguments.offline) as server:
            page = f"http://{HOST}:{PORT}/"
            link = page if arguments.offline else f"{UI_ORIGIN}/#!/?url=http://{HOST}:{PORT}{TRACE_PATH}"
            print(f"{source}: open {link}", flush=True)
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


def _converted(source: Path, folder: Path) -> Path:
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
