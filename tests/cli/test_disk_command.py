# SPDX-License-Identifier: Apache-2.0
"""`weft disk`: what is put into a disk is found there, and looking changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft import setup
from weft.disk import Disk, DiskError
from weft.main import main

Weft = Callable[..., Any]


@pytest.fixture
def image(weft: Weft, tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "small").write_bytes(b"hello")
    (folder / "deep" / "er" / "large").write_bytes(bytes(range(256)) * 1000)
    path = tmp_path / "disk.img"
    done = weft("disk", "make", path, folder, "--size", "4M")
    assert done.returncode == 0, done.stderr
    return path


def test_a_folder_is_found_in_the_disk(weft: Weft, image: Path) -> None:
    assert image.stat().st_size == 4 << 20
    done = weft("disk", "list", image)
    assert done.stdout.split() == ["/deep/", "/deep/er/", "256000", "/deep/er/large", "/empty/", "5", "/small"]
    for name in ("/deep/er", "/deep/er/"):
        assert weft("disk", "list", image, name).stdout.split() == ["256000", "/deep/er/large"]
    before = image.read_bytes()
    done = weft("disk", "check", image)
    assert "2 files with 256,005 bytes in 12 of 64 blocks of 64K: clean" in done.stdout
    assert image.read_bytes() == before


def test_files_go_in_and_out(weft: Weft, image: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"\0\xff" * 70000)
    assert weft("disk", "put", image, tmp_path / "in", "/new/place").returncode == 0
    assert weft("disk", "get", image, "/new/place", tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == b"\0\xff" * 70000
    assert weft("disk", "get", image, "/small").stdout == "hello"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("check absent.img", 2, "no disk at absent.img"),
        ("check {image}.zero", 1, "has no file system of ours"),
        ("check {image}.tiny", 2, "is too small"),
        ("get {image} /no", 1, "/no cannot be read"),
        ("list {image} /small", 1, "/small cannot be listed"),
        ("put {image} absent /x", 2, "cannot read absent"),
        ("put {image} {image} /x", 1, "/x cannot be written"),
        ("put {image} {image} x", 2, "begins with /, and 'x' does not"),
        ("put {image} {image} x/y", 2, "begins with /"),
        ("put {image} {image} /deep/", 1, "/deep/ cannot be written"),
        ("put {image} {folder} /x", 2, "cannot read"),
        ("put {image} {image} /a//b", 2, "has names between its slashes"),
        ("put {image} {image} /a/../b", 2, "has names between its slashes"),
        ("put {image} {image} /{long}", 2, "255 bytes at most, and this one 256"),
        ("get {image} small", 2, "begins with /"),
        ("list {image} deep", 2, "begins with /"),
        ("get {image} /small /dev/null/x", 2, "cannot write /dev/null/x"),
        ("make {image}", 2, "exists already"),
        ("make {image}.new --size 1K", 2, "256K at least"),
        ("make {image}.new --size many", 2, "not a size"),
        ("make {image}.new --size 99999999T", 2, "cannot make the disk"),
        ("make {image}.new {image}.links", 2, "cannot read"),
        ("make {image}.new absent", 2, "no folder absent"),
        ("make {image}.new {folder} --size 256K", 1, "cannot be made"),
        ("", 2, "ACTION"),
    ],
)
def test_what_cannot_be_done_is_one_line(weft: Weft, image: Path, tmp_path: Path, line: str, code: int, said: str) -> None:
    Path(f"{image}.zero").write_bytes(bytes(1 << 20))
    Path(f"{image}.tiny").write_bytes(b"x")
    Path(f"{image}.links").mkdir()
    Path(f"{image}.links/broken").symlink_to("nowhere")
    done = weft("disk", *line.format(image=image, folder=tmp_path / "folder", long="a" * 255).split())
    assert done.returncode == code and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not Path(f"{image}.new").exists()


@pytest.mark.parametrize(
    "line", ["check absent.img", "put LICENSE absent /x", "put LICENSE LICENSE x", "make LICENSE", "make out/no.img --size 1K",
             "make out/no.img absent"]
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_installed(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(setup, "setup", lambda _: pytest.fail("set-up began"))
    assert main(["disk", *line.split()]) == 2


def test_damage_is_found(image: Path) -> None:
    """A block of a large file whose pointers were overwritten, and a directory."""
    content = bytearray(image.read_bytes())
    for at in range(0, len(content), 65536):
        if content[at + 4 : at + 8] != b"\0\0\0\0":
            content[at : at + 8192] = b"\xee" * 8192
    image.write_bytes(content)
    with pytest.raises(DiskError), Disk(image) as disk:
        disk.check()
