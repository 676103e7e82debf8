# SPDX-License-Identifier: Apache-2.0
"""The machine at the other end of the network: a thread that does what the guest tells it.

    peer = Peer.of(machine)     # of a machine whose ports CONTROL and HTTP are forwarded
    peer.start()
    ...
    peer.stop()

It connects to the guest's port CONTROL, again until somebody is there, and obeys lines:

    take BYTES                          reads so many from this connection, and then says "ok"
    send BYTES                          sends so many zeros
    get REQUESTS EACH PATH BYTES        asks the guest's HTTP server for the path, one request after the other, so many on
                                        each connection; the body must have so many bytes. Then says "ok"

What goes wrong is its answer instead of "ok", with which the guest ends.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import BinaryIO

from weft.machine import Machine
from weft.network import LOOPBACK, Forward, Network, forwarded

CONTROL = 90
HTTP = 80
PIECE = 1 << 16
SECONDS = 60.0  # that a connection, or an answer to a request for a file, may take
AGAIN = 0.1  # seconds between tries
NETWORK = Network((Forward(0, CONTROL), Forward(0, HTTP)))


class Peer(threading.Thread):
    """See the module."""

    def __init__(self, ports: dict[int, list[int]]) -> None:
        super().__init__(name="peer", daemon=True)
        self._ports = ports
        self._ends = threading.Event()
        self._control: socket.socket | None = None

    @staticmethod
    def of(machine: Machine) -> Peer:
        """For a machine that runs."""
        return Peer(forwarded(machine))

    def stop(self) -> None:
        """The guest is gone, or shall go: nothing is waited for any longer."""
        self._ends.set()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
        self.join(SECONDS)

    def run(self) -> None:
        """Until the guest has had what it wants. A guest that does not listen yet ends the connection at once."""
        while not self._ends.is_set():
            try:
                with socket.create_connection((LOOPBACK, self._ports[CONTROL][0]), SECONDS) as control:
                    control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    control.settimeout(None)  # QEMU has taken the connection; its guest may take long to boot
                    self._control = control  # before it looks whether the end has come, as stop() does it the other way round
                    if self._ends.is_set() or self._obey(control):
                        return
            except OSError:
                pass
            self._ends.wait(AGAIN)

    def _obey(self, control: socket.socket) -> bool:
        """Has anybody told it anything?"""
        told = False
        with control.makefile("rb", PIECE) as lines:
            while line := lines.readline():
                told = True
                try:
                    answer = self._do(line.decode("ascii").split(), control, lines)
                except (OSError, ValueError, IndexError, http.client.HTTPException) as error:
                    answer = f"{line.strip()!r}: {error}\n"
                control.sendall(answer.encode("ascii", "replace"))
        return told

    def _do(self, words: list[str], control: socket.socket, stream: BinaryIO) -> str:
        """What is to be answered."""
        if words[0] == "take":
            left = int(words[1])
            while left > 0:
                piece = stream.read(min(left, PIECE))
                if not piece:
                    raise OSError("the stream ends")
                left -= len(piece)
            return "ok\n"
        if words[0] == "send":
            left = int(words[1])
            while left > 0:
                left -= control.send(bytes(min(left, PIECE)))
            return ""
        if words[0] == "get":
            requests, each, size = int(words[1]), int(words[2]), int(words[4])
            for done in range(0, requests, each):
                self._get(min(each, requests - done), words[3], size)
            return "ok\n"
        raise ValueError("no such order")

    def _get(self, count: int, path: str, size: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self._ports[HTTP][0], timeout=SECONDS)
        try:
            for _ in range(count):
                connection.request("GET", path)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or len(body) != size:
                    raise ValueError(f"status {response.status}, {len(body)} bytes")
        finally:
            connection.close()
