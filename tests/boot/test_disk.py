# SPDX-License-Identifier: Apache-2.0
"""What a guest writes to its disk stands in the file when the machine is off."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECTOR = 512
SECTORS = 8192  # what tests/guest/block.c writes all of, with version 99


def sector(number: int) -> bytes:
    return struct.pack("<64Q", *(number << 32 | 99 << 8 | word for word in range(64)))


@pytest.mark.parametrize(("accel", "cpus"), [("tcg", 4), ("icount", 1)])
def test_what_was_written_is_in_the_file(boot: Callable[..., Any], tmp_path: Path, accel: str, cpus: int) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(SECTOR * SECTORS))
    with boot(image="test_block", accel=accel, cpus=cpus, disk=disk) as guest:
        assert guest.wait().ok
    content = disk.read_bytes()
    wrong = [at for at in range(SECTORS) if content[at * SECTOR : (at + 1) * SECTOR] != sector(at)]
    assert len(content) == SECTOR * SECTORS and not wrong


def test_a_run_keeps_its_disk(weft: Callable[..., Any], tmp_path: Path) -> None:
    """The disk of one run is the disk of the next; a name with a comma is a name."""
    disk = tmp_path / "a,disk.img"
    disk.write_bytes(bytes(SECTOR * SECTORS))
    for _ in range(2):
        done = weft("run", "--accel", "tcg", "--disk", disk, "--out", tmp_path / "run", "test_block")
        assert done.returncode == 0, done.stdout + done.stderr
        assert disk.read_bytes()[-SECTOR:] == sector(SECTORS - 1)
