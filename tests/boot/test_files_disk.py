# SPDX-License-Identifier: Apache-2.0
"""What clients of the file system server have written is on the disk when the machine is off, whoever died meanwhile; and what
the host puts there is in the guest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from file_content import content
from weft.disk import Disk

MIB = 1 << 20


def empty_disk(path: Path, size: int = 16 * MIB) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize(("accel", "cpus", "kills"), [("tcg", 4, 4), ("icount", 2, 2)])
def test_what_was_synced_is_on_the_disk(
    boot: Callable[..., Any], tmp_path: Path, accel: str, cpus: int, kills: int
) -> None:
    """Server and driver are killed; each file is there as its client knows it, and no other."""
    image = empty_disk(tmp_path / "disk.img")
    with boot(image="test_files_load", accel=accel, cpus=cpus, disk=image, cmdline=f"kills={kills}", timeout=120) as guest:
        assert guest.wait().ok
        records = guest.records
    files = [record for record in records if record["record"] == "file"]
    assert len(files) == 20 and any(record["version"] > 1 for record in files)
    with Disk(image) as disk:
        disk.check()
        found = {path: size for path, size in disk.entries() if path[4:5] == "f" and path[5:6] != "9"}
        for record in files:
            if record["version"] == 0:
                assert record["path"] not in found
                continue
            assert found.pop(record["path"]) == record["size"]
            assert disk.read(record["path"]) == content(record["seed"], record["version"], record["size"])
    assert not found


@pytest.mark.parametrize("what", ["other", "damaged"])
def test_a_disk_that_is_not_ours_is_left_alone(boot: Callable[..., Any], tmp_path: Path, what: str) -> None:
    """And the server says so, once, and goes on saying so to its clients."""
    image = empty_disk(tmp_path / "disk.img")
    if what == "damaged":
        with Disk(image, make=True) as disk:
            disk.write("/a", b"kept")
    with image.open("r+b") as file:
        for block in (0, 1):
            file.seek(block * 65536 + 4)
            file.write(b"something else")
    before = image.read_bytes()
    with boot(image="test_files", cpus=2, disk=image) as guest:
        assert not guest.wait().ok
        said = [line for line in guest.console if "no file system of mine" in line]
    assert len(said) == 1
    assert image.read_bytes() == before
