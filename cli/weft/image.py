# SPDX-License-Identifier: Apache-2.0
"""Boot images: a cpio archive (newc) of `init`, `manifest` and the programs that the manifest names.

    write_image(out, [("init", path), ("manifest", path), ...])      init comes first
    programs_of(text)            the program files that a manifest needs in its image
    default_manifest("hello")    for a program that has no manifest of its own

The same entries give the same archive, byte for byte: no times, no owners, entries in the order
given. As a script, `image.py OUT NAME=PATH ...`, it is what the build calls. The manifest's format
belongs to init (userspace/init); only the words that name programs are read here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

REGULAR_FILE = 0o100555
TRAILER = "TRAILER!!!"
MAGIC = b"070701"
HEADER_SIZE = 110
SIZE_MAX = 0xFFFFFFFF


class ImageError(Exception):
    """An image cannot be made; str() is one line."""


def programs_of(manifest: str) -> list[str]:
    """The entries, besides init, that an image with this manifest needs; each once, in order."""
    found: dict[str, None] = {}
    for number, line in enumerate(manifest.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("process", "service"):
            files = [word.partition("=")[2] for word in words[1:] if word.startswith("program=")]
            if len(files) != 1 or not files[0]:
                raise ImageError(f"manifest line {number}: a {words[0]} needs one program=FILE")
            if files[0] == "init":
                raise ImageError(f"manifest line {number}: only the kernel can start init")
            found[files[0]] = None
        elif words[0] == "include":
            if len(words) != 2:
                raise ImageError(f"manifest line {number}: include takes one FILE")
            found[words[1]] = None
    return list(found)


def default_manifest(program: str) -> str:
    """One process with a console and the command line: enough for a program that only prints."""
    return (
        f"process {program} program={program} wait\n    arguments {{arguments}}\n    give console\n"
    )


def write_image(out: Path, entries: Iterable[tuple[str, Path]]) -> None:
    """Write the archive; a reader never sees half of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f"{out.name}.{os.getpid()}.new")
    names: set[str] = set()
    try:
        with fresh.open("wb") as file:
            for number, (name, path) in enumerate(entries, start=1):
                if name in names:
                    raise ImageError(f"two entries are called {name}")
                names.add(name)
                file.write(_entry(number, name, REGULAR_FILE, _read(path)))
            file.write(_entry(0, TRAILER, 0, b""))
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)


def read_entry(archive: bytes, name: str) -> bytes:
    """The content of one entry of an archive."""
    at = 0
    while (header := archive[at : at + HEADER_SIZE])[:6] == MAGIC:
        size, name_size = int(header[54:62], 16), int(header[94:102], 16)
        found = archive[at + HEADER_SIZE : at + HEADER_SIZE + name_size - 1].decode(errors="replace")
        begin = at + HEADER_SIZE + name_size
        begin += -begin % 4
        if found == name:
            return archive[begin : begin + size]
        if found == TRAILER:
            raise ImageError(f"there is no {name} in it")
        at = begin + size + -size % 4
    raise ImageError("it is no boot image")


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > SIZE_MAX:
        raise ImageError(f"{path} is too large for a boot image")
    return data


def _entry(inode: int, name: str, mode: int, data: bytes) -> bytes:
    """One archive member: header of hexadecimal fields, name and data, both padded to 4 bytes."""
    raw = name.encode() + b"\0"
    links, mtime, uid, gid = 1, 0, 0, 0
    fields = (inode, mode, uid, gid, links, mtime, len(data), 0, 0, 0, 0, len(raw), 0)
    head = MAGIC + b"".join(b"%08X" % value for value in fields) + raw
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def main(arguments: Sequence[str]) -> int:
    if not arguments or not all("=" in argument for argument in arguments[1:]):
        print("usage: image.py OUT NAME=PATH ...", file=sys.stderr)
        return 2
    pairs = [argument.split("=", 1) for argument in arguments[1:]]
    try:
        write_image(Path(arguments[0]), [(name, Path(path)) for name, path in pairs])
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
