# SPDX-License-Identifier: Apache-2.0
"""Boot images: the archive is what the format says, and bad manifests are refused in one line."""

from pathlib import Path

import pytest

from weft.image import ImageError, default_manifest, main, programs_of, write_image


def read_archive(data: bytes) -> list[tuple[str, int, bytes]]:
    """An independent reader of cpio newc: name, mode and data of every member."""
    members = []
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size]
        assert name.endswith(b"\0")
        at = (at + 110 + name_size + 3) & ~3
        content = data[at : at + size]
        assert len(content) == size
        at = (at + size + 3) & ~3
        if name == b"TRAILER!!!\0":
            assert at == len(data)
            return members
        members.append((name[:-1].decode(), mode, content))


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[str, Path]]:
    made = []
    for length in (0, 1, 2, 3, 4, 5, 4096):
        path = tmp_path / f"source{length}"
        path.write_bytes(bytes(index & 0xFF for index in range(length)))
        made.append(("n" * (length % 7 + 1) + str(length), path))
    return made


def test_an_archive_holds_every_file_whole(tmp_path: Path, files: list[tuple[str, Path]]) -> None:
    out = tmp_path / "deep" / "image.cpio"
    write_image(out, files)
    members = read_archive(out.read_bytes())
    assert [(name, data) for name, _, data in members] == [(n, p.read_bytes()) for n, p in files]
    assert {mode >> 12 for _, mode, _ in members} == {0o10}, "all are regular files"


def test_the_same_files_give_the_same_archive(tmp_path: Path, files: list[tuple[str, Path]]) -> None:
    write_image(tmp_path / "a", files)
    for _, path in files:
        path.touch()
    write_image(tmp_path / "b", files)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_archive_leaves_nothing(tmp_path: Path, files: list[tuple[str, Path]]) -> None:
    out = tmp_path / "image.cpio"
    with pytest.raises(ImageError, match="called n0"):
        write_image(out, [files[0], files[0]])
    with pytest.raises(ImageError, match="No such file"):
        write_image(out, [("x", tmp_path / "absent")])
    assert not list(tmp_path.glob("image.cpio*"))


def test_a_manifest_tells_its_programs() -> None:
    text = """
    # process comment program=no wait
    endpoint service cpu=1
    process a program=server cpu=1 wait
        give service rights=r
    process b program=client
    process c program=client
    include extra
    """
    assert programs_of(text) == ["server", "client", "extra"]


@pytest.mark.parametrize("line", ["process a", "process a program=", "process a program=x program=y",
                                  "process a program=init", "include"])  # fmt: skip
def test_a_bad_manifest_names_its_line(line: str) -> None:
    with pytest.raises(ImageError, match="manifest line 2: .*"):
        programs_of("# first\n" + line)


def test_a_default_manifest_needs_its_program_only() -> None:
    assert programs_of(default_manifest("hello")) == ["hello"]


def test_the_script_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "o"), "no-equals-sign"]) == 2
    assert main([str(tmp_path / "o"), f"x={tmp_path / 'absent'}"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("image: cannot read")
