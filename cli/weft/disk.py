# SPDX-License-Identifier: Apache-2.0
"""Disks with files on them, on the host: what `weft disk` does, and what tests look at after power-off.

    weft disk make IMAGE --size 64M [FOLDER]    a new disk, with what is in a folder
    weft disk check IMAGE                       read all of it
    weft disk list IMAGE [PATH]                 everything below a directory
    weft disk get IMAGE PATH [FILE]             a file of it, or to standard output
    weft disk put IMAGE FILE PATH               a file into it; its directories are made

The file system is littlefs, read and written by the Python module that the guest's source comes from, with
the geometry of userspace/servers/fs/fs.h. What is behind the last whole block is not the file system's.

`Disk` is the library: nothing is written unless it was opened for it, so a disk that is looked at stays as it is.
It needs the packages in cli/requirements-disk.txt.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from weft.failure import Failure
from weft.machine_config import UsageError, format_size, make_disk, parse_size

BLOCK = 64 * 1024
SECTOR = 512
METADATA = 8 * 1024
BLOCKS_MIN = 4
LOOKAHEAD = 8192
PATH_MAX = 255  # bytes


class DiskError(Failure):
    """What is on the disk cannot be used for what was asked; one line."""


def _reason(error: Exception) -> str:
    """littlefs's module raises FileNotFoundError and the like without a word."""
    return str(error) or type(error).__name__.removesuffix("Error")


class _Storage:
    """The image as littlefs's block device. Errors are numbers: an exception would not get through its C code."""

    def __init__(self, file: BinaryIO, writes: bool) -> None:
        self._file, self._writes = file, writes

    def read(self, config: object, block: int, offset: int, size: int) -> bytearray:
        data = os.pread(self._file.fileno(), size, block * BLOCK + offset)
        return bytearray(data.ljust(size, b"\0"))

    def prog(self, config: object, block: int, offset: int, data: bytes) -> int:
        if not self._writes:
            return -errno.EIO
        os.pwrite(self._file.fileno(), data, block * BLOCK + offset)
        return 0

    def erase(self, config: object, block: int) -> int:
        return 0

    def sync(self, config: object) -> int:
        return 0


class Disk:
    """The file system in an image. `with Disk(path) as disk:`; paths in it begin with `/`."""

    def __init__(self, path: Path, writes: bool = False, make: bool = False) -> None:
        import littlefs

        self._error = littlefs.LittleFSError
        try:
            self._file = path.open("r+b" if writes or make else "rb")
        except OSError as error:
            raise DiskError(f"no disk at {path}: {error.strerror}", code=2) from error
        self.blocks = os.fstat(self._file.fileno()).st_size // BLOCK
        if self.blocks < BLOCKS_MIN:
            self._file.close()
            raise DiskError(f"{path} is too small: a disk has {format_size(BLOCKS_MIN * BLOCK)} at least", code=2)
        self._fs = littlefs.LittleFS(
            _Storage(self._file, writes or make), mount=False, block_size=BLOCK, block_count=self.blocks,
            read_size=SECTOR, prog_size=SECTOR, cache_size=BLOCK, lookahead_size=LOOKAHEAD, block_cycles=-1,
            metadata_max=METADATA,
        )  # fmt: skip
        try:
            if make:
                self._fs.format()
            self._fs.mount()
        except self._error as error:
            self._file.close()
            raise DiskError(f"{path} has no file system of ours ({error})") from error

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:  # fmt: skip
        self._fs.unmount()
        self._file.close()

    def entries(self, path: str = "/") -> Iterator[tuple[str, int | None]]:
        """All below a directory, each directory before what is in it: path, and size (None: a directory)."""
        try:
            found = sorted(self._fs.scandir(path), key=lambda entry: entry.name)
        except self._error as error:
            raise DiskError(f"{path} cannot be listed ({error})") from error
        for entry in found:
            below = f"{path.rstrip('/')}/{entry.name}"
            yield below, entry.size if entry.type == 1 else None
            if entry.type != 1:
                yield from self.entries(below)

    def read(self, path: str) -> bytes:
        try:
            with self._fs.open(path, "rb") as file:
                return bytes(file.read())
        except (self._error, OSError) as error:
            raise DiskError(f"{path} cannot be read ({_reason(error)})") from error

    def write(self, path: str, data: bytes) -> None:
        parent = path.rpartition("/")[0]
        try:
            if parent:
                self._fs.makedirs(parent, exist_ok=True)
            with self._fs.open(path, "wb") as file:
                file.write(data)
        except (self._error, OSError) as error:
            raise DiskError(f"{path} cannot be written ({_reason(error)})") from error

    def make_directory(self, path: str) -> None:
        try:
            self._fs.makedirs(path, exist_ok=True)
        except (self._error, OSError) as error:
            raise DiskError(f"{path} cannot be made ({_reason(error)})") from error

    def check(self) -> tuple[int, int, int]:
        """Reads everything: how many files, bytes, and blocks in use. Raises DiskError for the first thing wrong."""
        from littlefs import lfs

        files = size = 0
        for path, expected in self.entries():
            if expected is None:
                continue
            found = len(self.read(path))
            if found != expected:
                raise DiskError(f"{path} has {found} bytes, and its directory says {expected}")
            files, size = files + 1, size + found
        try:
            used = int(lfs.fs_size(self._fs.fs))
        except self._error as error:
            raise DiskError(f"the blocks in use cannot be counted ({error})") from error
        if used > self.blocks:
            raise DiskError(f"{used} blocks are in use, and there are {self.blocks}")
        return files, size, used


# ---- the command ------------------------------------------------------------------------------


def check_request(arguments: argparse.Namespace) -> None:
    """Refuses what cannot work, as far as that can be told without the packages. Raises UsageError or Failure."""
    image = Path(arguments.image)
    if arguments.action is make:
        if image.exists():
            raise UsageError(f"{image} exists already")
        _request_of(arguments)
    elif not image.is_file():
        raise UsageError(f"no disk at {image}")
    if "path" in arguments:
        _check_path(arguments.path)
    if arguments.action is put and not Path(arguments.file).exists():
        raise UsageError(f"cannot read {arguments.file}: No such file or directory")


def _check_path(path: str) -> None:
    """The guest takes no others, so nobody shall make them here (weft/file.h)."""
    if not path.startswith("/"):
        raise UsageError(f"a path in the disk begins with /, and {path!r} does not")
    path = path.removesuffix("/")  # as `list` shows directories
    if path and any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise UsageError(f"a path in the disk has names between its slashes, neither . nor .., and {path!r} has not")
    if len(os.fsencode(path)) > PATH_MAX:
        raise UsageError(f"a path in the disk has {PATH_MAX} bytes at most, and this one {len(os.fsencode(path))}")


def _request_of(arguments: argparse.Namespace) -> tuple[int, Path | None]:
    """Of `make`: the size, and the folder."""
    size = parse_size(arguments.size, "m")
    folder = Path(arguments.folder) if arguments.folder else None
    if size < BLOCKS_MIN * BLOCK or size % SECTOR:
        raise UsageError(f"a disk has {format_size(BLOCKS_MIN * BLOCK)} at least, in whole sectors of {SECTOR} bytes")
    if folder is not None and not folder.is_dir():
        raise UsageError(f"no folder {folder}")
    return size, folder


def main(arguments: argparse.Namespace) -> int:
    return int(arguments.action(arguments))


def make(arguments: argparse.Namespace) -> int:
    image = Path(arguments.image)
    size, folder = _request_of(arguments)
    make_disk(image, size)
    try:
        with Disk(image, make=True) as disk:
            for path in sorted(folder.rglob("*")) if folder is not None else ():
                name = f"/{path.relative_to(folder).as_posix()}"
                if path.is_dir():
                    disk.make_directory(name)
                else:
                    disk.write(name, _content(path))
    except BaseException:
        image.unlink()
        raise
    return 0


def check(arguments: argparse.Namespace) -> int:
    with Disk(Path(arguments.image)) as disk:
        files, size, used = disk.check()
        print(f"{files} files with {size:,} bytes in {used} of {disk.blocks} blocks of {format_size(BLOCK)}: clean")
    return 0


def show_list(arguments: argparse.Namespace) -> int:
    with Disk(Path(arguments.image)) as disk:
        for path, size in disk.entries(arguments.path):
            print(f"{'' if size is None else size:>12} {path}{'/' if size is None else ''}")
    return 0


def get(arguments: argparse.Namespace) -> int:
    with Disk(Path(arguments.image)) as disk:
        data = disk.read(arguments.path)
    if arguments.file is None:
        sys.stdout.buffer.write(data)
        return 0
    try:
        Path(arguments.file).write_bytes(data)
    except OSError as error:
        raise Failure(f"cannot write {arguments.file}: {error.strerror}", code=2) from error
    return 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", code=2) from error


def put(arguments: argparse.Namespace) -> int:
    data = _content(Path(arguments.file))
    with Disk(Path(arguments.image), writes=True) as disk:
        disk.write(arguments.path, data)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=type(parser))
    texts = {make: "a new disk, with what is in a folder", check: "read all of it",
             show_list: "everything below a directory", get: "a file of it", put: "a file into it"}  # fmt: skip
    added = {}
    for action, text in texts.items():
        name = action.__name__.removeprefix("show_")
        added[action] = actions.add_parser(name, help=text)
        added[action].add_argument("image", metavar="IMAGE", help="a file of raw sectors")
        added[action].set_defaults(action=action)
    added[make].add_argument("folder", nargs="?", metavar="FOLDER", help="what shall be in it (default: nothing)")
    added[make].add_argument("--size", default="64M", metavar="SIZE", help="of the disk (default: 64M)")
    added[show_list].add_argument("path", nargs="?", default="/", metavar="PATH", help="a directory (default: /)")
    added[get].add_argument("path", metavar="PATH", help="in the disk")
    added[get].add_argument("file", nargs="?", metavar="FILE", help="on the host (default: standard output)")
    added[put].add_argument("file", metavar="FILE", help="on the host")
    added[put].add_argument("path", metavar="PATH", help="in the disk")
