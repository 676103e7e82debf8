# SPDX-License-Identifier: Apache-2.0
"""`weft run --net`: what QEMU is told, and what is refused with one line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft.failure import Failure
from weft.machine import MachineConfig
from weft.machine_config import Descriptors
from weft.network import Forward, Network, read_network

HERE = Path(__file__)


def test_qemu_is_told_of_loopback_only() -> None:
    network = read_network(True, ["8080:80", "0:7"])
    assert network == Network((Forward(8080, 80), Forward(0, 7)))
    argv = MachineConfig(kernel=HERE, network=network).argv(Descriptors(3, 4, 5))
    netdev = argv[argv.index("-netdev") + 1].split(",")
    assert netdev == ["user", "id=net", "restrict=on", "hostfwd=tcp:127.0.0.1:8080-:80", "hostfwd=tcp:127.0.0.1:0-:7"]
    assert any(word.startswith("virtio-net-pci") for word in argv)
    behind = MachineConfig(kernel=HERE, network=Network(), iommu=True).argv(Descriptors(3, 4, 5))
    assert any("virtio-net-pci" in word and "iommu_platform=on" in word for word in behind)
    assert "-netdev" not in MachineConfig(kernel=HERE).argv(Descriptors(3, 4, 5))


@pytest.mark.parametrize(
    ("wanted", "forwards", "says"),
    [
        (False, ["0:80"], "--net"),
        (True, ["80"], "HOSTPORT:GUESTPORT"),
        (True, ["a:80"], "HOSTPORT:GUESTPORT"),
        (True, ["-1:80"], "HOSTPORT:GUESTPORT"),
        (True, ["0:0"], "65535"),
        (True, ["65536:80"], "65535"),
        (True, ["8080:80", "8080:81"], "8080"),
        (True, ["8080:80,smb=/"], "HOSTPORT:GUESTPORT"),
    ],
)
def test_what_cannot_be_is_one_line(wanted: bool, forwards: list[str], says: str) -> None:
    with pytest.raises(Failure) as refused:
        read_network(wanted, forwards)
    assert says in str(refused.value) and "\n" not in str(refused.value) and refused.value.code == 2


def test_a_port_that_is_taken_is_one_line(weft: Callable[..., Any], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = weft("run", "--net", "--forward", f"{port}:80", "--out", tmp_path / "run", "selftest")
    assert done.returncode == 2 and f"port {port} of this host" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_free_port_is_printed(weft: Callable[..., Any], tmp_path: Path) -> None:
    done = weft("run", "--accel", "tcg", "--net", "--forward", "0:80", "--out", tmp_path / "run", "selftest")
    assert done.returncode == 0 and "127.0.0.1:" in done.stdout and "is port 80 of the guest" in done.stdout
