# SPDX-License-Identifier: Apache-2.0
"""The guest's network: QEMU's user networking, shut off from everything but what is forwarded to it.

    network = read_network(arguments.net, arguments.forward)     what `weft run` was asked for; Failure
    config = MachineConfig(..., network=network)
    announce(machine)                                            prints which port of the host is which of the guest

The guest is 10.0.2.15 in a network of its own, with a DHCP server and a gateway, 10.0.2.2. It reaches nothing of the
host or beyond (`restrict`), and the host's side of a forwarded port listens on 127.0.0.1 alone. Port 0 of the host
is any free one. For tests there is one more machine, 10.0.2.100, whose port 7 sends back what it gets (`echo`).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weft.failure import Failure

if TYPE_CHECKING:
    from weft.machine import Machine

LOOPBACK = "127.0.0.1"
KINDS = ("user", "echo")
PORT_MAX = 65535
_FORWARD = re.compile(r"^([0-9]{1,9}):([0-9]{1,9})$")
_LISTENS = re.compile(r"TCP\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)")


@dataclass(frozen=True)
class Forward:
    host: int  # 0: any free one
    guest: int


@dataclass(frozen=True)
class Network:
    """A virtio-net device in a user network."""

    forwards: tuple[Forward, ...] = ()
    echo: bool = False

    @property
    def device(self) -> str:
        return "virtio-net-pci-non-transitional,netdev=net,romfile="

    def netdev(self) -> str:
        words = ["user", "id=net", "restrict=on"]
        words += [f"hostfwd=tcp:{LOOPBACK}:{forward.host}-:{forward.guest}" for forward in self.forwards]
        words += ["guestfwd=tcp:10.0.2.100:7-cmd:cat"] if self.echo else []
        return ",".join(words)

    def check(self) -> None:
        """Raises Failure for a port of the host that is taken."""
        for forward in self.forwards:
            if forward.host:
                _check_free(forward.host)


def read_forward(text: str) -> Forward:
    match = _FORWARD.match(text)
    if not match:
        raise Failure(f"not HOSTPORT:GUESTPORT: {text!r} (such as 8080:80, or 0:80 for any free port)", code=2)
    host, guest = int(match[1]), int(match[2])
    if host > PORT_MAX or not 1 <= guest <= PORT_MAX:
        raise Failure(f"ports go from 1 to {PORT_MAX}, and 0 for any free one of the host: {text}", code=2)
    return Forward(host, guest)


def read_network(wanted: bool, forwards: list[str]) -> Network | None:
    """What the command line asks for; None: no network."""
    if forwards and not wanted:
        raise Failure("--forward needs --net", code=2)
    read = tuple(read_forward(text) for text in forwards)
    hosts = [forward.host for forward in read if forward.host]
    twice = {host for host in hosts if hosts.count(host) > 1}
    if twice:
        raise Failure(f"port {min(twice)} of the host can be forwarded once", code=2)
    return Network(read) if wanted else None


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise Failure(f"port {port} of this host cannot be had ({error.strerror}); take another one, or 0 for"
                          " any free one", code=2) from error


def forwarded(machine: Machine) -> dict[int, list[int]]:
    """The ports of the host by those of the guest, as the machine that runs has them."""
    text = str(machine.qmp("human-monitor-command", {"command-line": "info usernet"}))
    found: dict[int, list[int]] = {}
    for host, guest in _LISTENS.findall(text):
        found.setdefault(int(guest), []).append(int(host))
    return found


def announce(machine: Machine) -> None:
    if machine.config.network is None or not machine.config.network.forwards:
        return
    for guest, hosts in sorted(forwarded(machine).items()):
        for host in sorted(hosts):
            print(f"weft: {LOOPBACK}:{host} is port {guest} of the guest", flush=True)
