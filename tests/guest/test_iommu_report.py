# SPDX-License-Identifier: Apache-2.0
"""A device's refused access, as the console and the timeline tell it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest
from weft.machine import MachineConfig

DEVICES = ("edu", "virtio-rng-pci-non-transitional")
FAULTS = 5  # accesses that tests/guest/iommu.c has devices try, one for each of its drivers that go wrong


def test_a_refused_access_is_reported(boot: Callable[..., Guest], tmp_path: Path) -> None:
    with boot(image="test_iommu", accel="icount", devices=DEVICES, iommu=True, timeout=120) as guest:
        assert guest.wait().ok
        capture = guest.capture(tmp_path / "trace.weft")
        done = subprocess.run([guest.tree.trace_tool, "dump", capture], capture_output=True, text=True, timeout=120)
    lines = [re.fullmatch(r"iommu: (\S+) (reads|writes) at 0x(\w+), and is refused: .*", line) for line in guest.console]
    told = [(match[1], int(match[3], 16) >> 12) for match in lines if match]
    assert len(told) == FAULTS
    assert {function for function, _ in told} == {"00:01.0", "00:02.0"}
    ended = [line for line in guest.console if line.endswith("is taken from its driver (badge 0x123411e8)")]
    assert len(ended) == FAULTS - 1  # the other one is virtio-rng's
    for function, page in told:
        bus, device, number = (int(part, 16) for part in re.split("[:.]", function))
        name = 1 + (bus << 8 | device << 3 | number)
        assert f"user_instant name={name} value={page}" in done.stdout, (function, page)
    for text in ("stra", "y 00"):  # names come in pieces
        assert f'text="{text}"' in done.stdout, text


def test_on_a_machine_without_one_it_is_said(boot: Callable[..., Guest]) -> None:
    with boot(image="test_drivers", devices=DEVICES[1:], timeout=120) as guest:
        guest.wait_for(r"^iommu: the firmware tells of none: devices reach what their drivers tell them$", 30)


@pytest.mark.parametrize("iommu", [False, True])
def test_all_virtio_devices_are_behind_it(tmp_path: Path, iommu: bool) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(512))
    config = MachineConfig(kernel=disk, disk=disk, devices=(*DEVICES, "virtio-net-pci"), iommu=iommu)
    argv = config.standalone_argv()
    devices = [after for before, after in zip(argv, argv[1:], strict=False) if before == "-device"]
    assert ("intel-iommu,intremap=off" in devices) == iommu
    virtio = [device for device in devices if device.startswith("virtio-")]
    assert len(virtio) == 3
    assert all(device.endswith(",iommu_platform=on") == iommu for device in virtio)
    assert "edu" in devices
