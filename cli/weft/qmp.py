# SPDX-License-Identifier: Apache-2.0
"""QMP: QEMU's control protocol, JSON objects in lines over a socket.

This is only the protocol: bytes in (`feed`), requests out (`request`), replies matched by id
(`take_reply`), events kept in order (`events`). It never blocks and knows no clock. Whoever owns
the socket (`weft.machine`) moves the bytes, so that waiting for a reply never stops the console.

The peer greets first, then the client leaves capability negotiation; `request` sends that by itself
in front of the first command.
"""

from __future__ import annotations

import json
from typing import Any


class QmpError(Exception):
    """QEMU refused a command, or what it sent is not QMP."""


class QmpProtocol:
    def __init__(self) -> None:
        self.greeting: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self._replies: dict[int, dict[str, Any]] = {}
        self._buffer = b""
        self._next_id = 0

    def request(self, command: str, arguments: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """The id of a new request and the bytes to send."""
        data = b""
        if self._next_id == 0 and command != "qmp_capabilities":
            _, data = self.request("qmp_capabilities")
        identity = self._next_id
        self._next_id += 1
        message: dict[str, Any] = {"execute": command, "id": identity}
        if arguments:
            message["arguments"] = arguments
        return identity, data + json.dumps(message).encode() + b"\n"

    def feed(self, data: bytes) -> None:
        """Takes what came from the socket, in pieces of any size."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._message(line)

    def take_reply(self, identity: int) -> Any | None:
        """None while there is no reply, then a tuple of one: what the command returned."""
        message = self._replies.pop(identity, None)
        if message is None:
            return None
        if "error" in message:
            raise QmpError(str(message["error"].get("desc", message["error"])))
        return (message.get("return"),)

    def _message(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError as error:
            raise QmpError(f"not JSON: {line[:80]!r}") from error
        if not isinstance(message, dict):
            raise QmpError(f"not a QMP message: {line[:80]!r}")
        if "QMP" in message:
            self.greeting = message["QMP"]
        elif "event" in message:
            self.events.append(message)
        elif "id" in message:
            self._replies[message["id"]] = message
        elif "error" in message:
            raise QmpError(str(message["error"]))
