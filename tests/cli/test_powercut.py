# SPDX-License-Identifier: Apache-2.0
"""`weft powercut` finds what a disk loses that forgets its flushes, and nothing else."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft import setup
from weft.disk import BLOCK, Disk
from weft.failure import Failure
from weft.main import main
from weft.powercut_claim import MARK, NOTHING, PLACES, Claim, check_image, content, read_claim
from weft.powercut_log import DISCARD, FLUSH, MAGIC, Write, cuts, read_log

Weft = Callable[..., Any]


@pytest.mark.slow
def test_killed_guests_lose_nothing(weft: Weft, tmp_path: Path) -> None:
    done = weft("powercut", "--cuts", "4", "--jobs", "2", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weft: 4 power cuts (" in done.stdout and "nothing that was synced is lost" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_is_not_flushed_may_be_lost(weft: Weft, tmp_path: Path) -> None:
    done = weft("powercut", "--lost", "--cuts", "40", "--seed", "7", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weft: 40 power cuts (" in done.stdout and "2 of them looked at by the guest too" in done.stdout


@pytest.mark.slow
def test_a_disk_that_forgets_its_flushes_is_found(weft: Weft, tmp_path: Path) -> None:
    done = weft("powercut", "--lost", "--plant", "deaf", "--cuts", "40", "--seed", "7", "--out", tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (kept,) = tmp_path.iterdir()
    assert {path.name for path in kept.iterdir()} == {"command.txt", "console.log", "disk.img", "writes.log"}
    assert "--lost --plant deaf" in (kept / "command.txt").read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--cuts 0", "cuts must be at least 1"),
        ("--cuts many", "cuts"),
        ("--seed -1", "seeds are 0"),
        ("--plant deaf", "--plant goes with --lost"),
        ("--lost --plant blind", "invalid choice"),
        ("--cpus 0", "cpus must be"),
        ("--jobs 0", "jobs must be"),
        ("--out /dev/null/x", "cannot write"),
    ],
)
def test_a_bad_cut_is_one_line(weft: Weft, line: str, said: str) -> None:
    done = weft("powercut", *line.split())
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_bad_cut_is_refused_before_anything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "setup", lambda _: pytest.fail("set-up began"))
    assert main(["powercut", "--cuts", "0"]) == 2


# ---- the log -----------------------------------------------------------------------------------


def sectors(*bytes_: int) -> bytes:
    return b"".join(bytes([byte]) * 512 for byte in bytes_)


WRITES = [
    Write(0, sectors(1, 2), flush=False),
    Write(0, b"", flush=True),
    Write(512, sectors(3, 4), flush=False),
    Write(2048, sectors(5), flush=False),
]


def states(place: int, deaf: bool = False) -> set[tuple[bytes, bytes]]:
    """All that cuts at a place left: the first byte of each sector, and of the claim, which is at 2048."""
    made = cuts(WRITES, 2560, 2048, [place] * 300, random.Random(1), deaf)
    return {(cut.image[::512], cut.claim[:1]) for cut in made}


def test_what_was_flushed_is_there_and_any_part_of_the_rest() -> None:
    assert states(0) == {(b"\0\0\0\0\0", b"\0")}
    assert {image for image, _ in states(1)} == {b"\0\0\0\0\0", b"\1\2\0\0\0", b"\1\0\0\0\0", b"\0\2\0\0\0"}
    assert states(2) == {(b"\1\2\0\0\0", b"\0")}
    assert {image for image, _ in states(3)} == {b"\1\2\0\0\0", b"\1\3\4\0\0", b"\1\3\0\0\0", b"\1\2\4\0\0"}
    assert {claim for _, claim in states(4)} == {b"\5"}, "the claim counts also where the cut has lost it"
    assert all(image[0] == 1 for image, _ in states(4)) and len(states(4)) == 8


def test_a_deaf_disk_loses_what_was_flushed() -> None:
    assert b"\0\0\0\0\0" in {image for image, _ in states(2, deaf=True)}


def test_a_log_is_read_as_qemu_writes_it(tmp_path: Path) -> None:
    def entry(sector: int, data: bytes, flags: int, length: int | None = None) -> bytes:
        count = len(data) // 512 if length is None else length
        return struct.pack("<QQQQ", sector, count, flags, 0).ljust(512, b"\0") + data

    path = tmp_path / "log"
    head = struct.pack("<QQQI", MAGIC, 1, 4, 512).ljust(512, b"\0")
    entries = entry(0, sectors(1, 2), 0), entry(0, b"", FLUSH), entry(9, b"", DISCARD, 4), entry(1, sectors(3), 0)
    path.write_bytes(head + b"".join(entries))
    assert read_log(path) == [WRITES[0], WRITES[1], Write(512, sectors(3), flush=False)]
    path.write_bytes(b"x" * 1000)
    with pytest.raises(Failure, match="no log of writes"):
        read_log(path)


# ---- the claim ---------------------------------------------------------------------------------


def claim(places: dict[int, tuple[int, int]], becomes: dict[int, tuple[int, int]] | None = None) -> Claim:
    return Claim(3, tuple(places.get(place, (0, 0)) for place in range(PLACES)), becomes or {})


def test_a_claim_is_read_as_the_guest_writes_it() -> None:
    words = [MARK, 3, 9, 1, 2, 7, 80, 0, 0, 0] + [0] * (2 * PLACES)
    words[10 + 2 * 4 : 10 + 2 * 4 + 2] = [6, 16]
    sector = struct.pack(f"<{len(words)}Q", *words).ljust(512, b"\0")
    assert read_claim(sector) == claim({4: (6, 16)}, {2: (7, 80)})
    assert read_claim(bytes(512)) == NOTHING


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A disk with version 5 of one file, and an empty directory."""
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(32 * BLOCK + 512)
    with Disk(path, make=True) as disk:
        disk.write("/d1/fb", content(5, 100000))
        disk.make_directory("/e2")
    return path


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (claim({1: (5, 100000), 14: (1, 0)}), ""),
        (claim({1: (5, 100000), 14: (1, 0)}, {1: (6, 8)}), ""),
        (claim({1: (4, 8), 14: (1, 0)}, {1: (5, 100000)}), ""),
        (claim({1: (4, 8), 14: (1, 0)}), "/d1/fb is not version 4 with 8 bytes"),
        (claim({1: (6, 100000), 14: (1, 0)}), "/d1/fb is not version 6"),
        (claim({14: (1, 0)}), "/d1/fb is not version 0"),
        (claim({1: (5, 100000)}), "/e2 is not version 0"),
        (claim({1: (5, 100000), 14: (1, 0), 3: (2, 8)}), "/d3/fd is not version 2"),
        (claim({14: (1, 0)}, {1: (5, 100000), 14: (0, 0)}), "is not version 0"),  # half of a change
    ],
)
def test_an_image_is_held_to_its_claim(image: Path, held: Claim, said: str) -> None:
    wrong = check_image(image, held)
    assert (said in wrong) if said else wrong == ""


def test_an_image_without_a_file_system_is_wrong_unless_nothing_was_claimed(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(32 * BLOCK))
    assert check_image(path, NOTHING) == ""
    assert "has no file system" in check_image(path, claim({1: (5, 8)}))
    path.write_bytes(b"x" + bytes(32 * BLOCK - 1))
    assert "has no file system" in check_image(path, NOTHING)
    with Disk(path, make=True) as disk:
        disk.write("/strange", b"")
    assert "/strange is there, and nobody made it" in check_image(path, NOTHING)
