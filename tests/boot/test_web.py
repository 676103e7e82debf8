# SPDX-License-Identifier: Apache-2.0
"""The HTTP server as the host sees it: through a forwarded port, QEMU's user network, the driver, and TCP/IP."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from weft.harness.guest import Guest
from weft.harness.tree import Tree
from weft.network import Forward, Network, forwarded

SIZES = (0, 1, 1459, 1460, 1461, 32_000, 32_768, 65_536, 300_001, 4_000_000)
SECONDS = 60.0
LOST = (ConnectionError, http.client.HTTPException, TimeoutError)


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class Web:
    """A guest with files of all SIZES, each called by its size."""

    def __init__(self, guest: Guest, port: int) -> None:
        self.guest = guest
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def raw(self, request: bytes) -> bytes:
        """All that the server says until it ends the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as stream:
            stream.sendall(request)
            answer = b""
            while piece := stream.recv(65536):
                answer += piece
        return answer

    def get(self, size: int) -> bytes:
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request("GET", f"/f{size}")
            return connection.getresponse().read()

    def backs(self) -> list[int]:
        """Microseconds from each kill to the next answer, so far."""
        self.guest.machine.query_status()  # takes what is there of the console
        return [record["microseconds"] for record in self.guest.records if record["record"] == "back"]

    def done(self) -> bool:
        self.guest.machine.query_status()
        return "web: done" in self.guest.console


@pytest.fixture
def serve(boot: Callable[..., Guest], image: Callable[..., Path], tree: Tree,
          tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Web]]:  # fmt: skip
    files = {f"f{size}": tmp_path / f"f{size}" for size in SIZES}
    for size in SIZES:
        files[f"f{size}"].write_bytes(content(size))
    manifest = (tree.root / "tests/boot/test_web.manifest").read_text()
    packed = image(manifest + "".join(f"include {name}\n" for name in files), files)

    @contextlib.contextmanager
    def start(cmdline: str = "", cpus: int = 4) -> Iterator[Web]:
        network = Network((Forward(0, 80),))
        with boot(image=packed, cpus=cpus, cmdline=cmdline, network=network, timeout=240) as guest:
            guest.wait_for("^web: ready", 60)
            yield Web(guest, forwarded(guest.machine)[80][0])

    return start


@pytest.mark.parametrize("cpus", [1, 4])
def test_files_of_all_sizes_come_over_one_connection(serve: Callable[..., Any], cpus: int) -> None:
    with serve(cpus=cpus) as web, contextlib.closing(web.connect()) as connection:
        for size in SIZES:
            connection.request("HEAD", f"/f{size}")
            answer = connection.getresponse()
            assert (answer.status, answer.read(), answer.headers["Content-Length"]) == (200, b"", str(size))
            own = connection.sock
            connection.request("GET", f"/f{size}?unused=1")
            answer = connection.getresponse()
            assert answer.read() == content(size) and answer.headers["Connection"] == "keep-alive"
            assert connection.sock is own is not None  # the connection stays
        connection.request("GET", "/f%31")
        assert connection.getresponse().read() == content(1)


def test_many_clients_at_a_time(serve: Callable[..., Any]) -> None:
    """More than there are workers: some wait."""
    with serve() as web, ThreadPoolExecutor(12) as pool:
        for size, got in zip(SIZES * 6, pool.map(web.get, SIZES * 6)):
            assert got == content(size), size


HOST = b"Host: weft\r\n"


REQUESTS = [
    (b"GET /f1 HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n", 200),
    (b"GET /f1 HTTP/1.0\r\n\r\n", 200),
    (b"GET http://weft/f1 HTTP/1.1\r\nHost: weft\r\nConnection: x, Close\r\n\r\n", 200),
    (b"GET /f1 HTTP/1.1\r\n\r\n", 400),  # no host
    (b"GET /f1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /nothing HTTP/1.0\r\n\r\n", 404),
    (b"GET / HTTP/1.0\r\n\r\n", 404),
    (b"GET /../f1 HTTP/1.0\r\n\r\n", 400),
    (b"GET /%2e%2e/f1 HTTP/1.0\r\n\r\n", 400),
    (b"GET //f1 HTTP/1.0\r\n\r\n", 400),
    (b"GET /f1%00 HTTP/1.0\r\n\r\n", 400),
    (b"GET /f1%zz HTTP/1.0\r\n\r\n", 400),
    (b"GET f1 HTTP/1.0\r\n\r\n", 400),
    (b"GET /f1\r\n\r\n", 400),
    (b"GET /f1 HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    (b"GET /f1 HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    (b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b" folded: x\r\n\r\n", 400),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"X: \0\r\n\r\n", 400),
    (b"POST /f1 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    (b"BREW /f1 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", 413),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 5\r\n\r\nhello", 413),
    (b"GET /f1 HTTP/1.0\r\nContent-Length: 0 \r\n\r\n", 200),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    (b"GET /f1 HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
    (b"\r\n\r\n", 400),
    (b"\0\xff" * 100 + b"\r\n\r\n", 400),
]


def test_each_request_has_its_answer(serve: Callable[..., Any]) -> None:
    """One machine for all of them: what is wrong in one request is not seen in the next."""
    with serve() as web:
        for request, status in REQUESTS:
            answer = web.raw(request)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (request, answer[:200])
        assert b"Allow: GET, HEAD\r\n" in web.raw(b"PUT /f1 HTTP/1.0\r\n\r\n")
        # Two requests in one piece, and one that comes in pieces.
        twice = b"GET /f1 HTTP/1.1\r\n" + HOST + b"\r\nGET /f1 HTTP/1.0\r\n\r\n"
        assert web.raw(twice).count(b"HTTP/1.1 200 OK") == 2
        with socket.create_connection(("127.0.0.1", web.port), timeout=SECONDS) as stream:
            for piece in (b"GET /f14", b"59 HTTP/1.0\r", b"\n\r", b"\n"):
                stream.sendall(piece)
            answer = b""
            while more := stream.recv(65536):
                answer += more
        assert answer.endswith(b"\r\n\r\n" + content(1459))
        assert web.get(300_001) == content(300_001)


def test_clients_that_go_leave_nothing_behind(serve: Callable[..., Any]) -> None:
    """They connect, ask for much, and go: every time there is a worker for the next."""
    with serve() as web:
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", web.port), timeout=SECONDS) as stream:
                stream.sendall(b"GET /f4000000 HTTP/1.0\r\n\r\n")
                assert stream.recv(100)
        assert web.get(65_536) == content(65_536)


def test_a_connection_outlives_the_driver(serve: Callable[..., Any]) -> None:
    """The driver is killed all the while, and one connection carries file after file."""
    with serve("kill=ethernet kills=20 every=20000") as web, contextlib.closing(web.connect()) as connection:
        connection.connect()
        own = connection.sock
        count = 0
        while not web.done():
            connection.request("GET", "/f4000000")
            assert connection.getresponse().read() == content(4_000_000)
            assert connection.sock is own
            count += 1
        assert len(web.backs()) == 20 and count > 0


def test_clients_come_back_after_the_server(serve: Callable[..., Any]) -> None:
    """The network server is killed all the while: requests fail, those that do not are right, and all works then."""
    with serve("kill=net kills=10 every=100000") as web:
        good = 0
        while not web.done():
            with contextlib.suppress(*LOST):
                answer = web.get(300_001)
                good += answer == content(300_001)
                assert answer == content(300_001)
        assert good > 0 and len(web.backs()) == 10
        assert web.get(4_000_000) == content(4_000_000)
