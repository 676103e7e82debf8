# SPDX-License-Identifier: Apache-2.0
"""Code of others that user programs link with: what is used of it, and where it comes from.

A port is a folder `userspace/ports/NAME` with a description, `port.toml`, and the headers by which the code is
configured. The code itself is not in the tree: set-up fetches a pinned archive and unpacks it (`weft.sources`) to
`build/sources/NAME-VERSION`. docs/services.md says how a program names the ports that it links with.

Nothing here needs the network. configure.py uses it too, so it knows no module but its own.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from weft.ninja import Ninja

PORTS = "userspace/ports"
PORTS_C = f"{PORTS}/c"  # headers with the C library's names, for ports and for who uses them
SOURCES = "build/sources"
STAMP = ".weft-stamp"
DIGEST = re.compile(r"^[0-9a-f]{64}$")


class PortError(Exception):
    """A description that cannot be used; str() is one line with the file's name."""


@dataclass(frozen=True)
class Change:
    """One place where the code is changed when it is unpacked: `old` must be there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Port:
    name: str
    folder: str  # in the tree: the description, and headers that configure the code
    version: str
    url: str
    sha256: str
    wanted: tuple[str, ...]  # patterns of names in the archive, below its one top folder
    files: tuple[str, ...]  # what is compiled, patterns too
    include: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # for the code and for the programs that use it
    changes: tuple[Change, ...] = ()

    @property
    def unpacked(self) -> str:
        return f"{SOURCES}/{self.name}-{self.version}"

    @property
    def archive(self) -> str:
        """Where the archive is kept. Who has no network may put it there."""
        return f"{SOURCES}/{self.url.rsplit('/', 1)[1]}"

    def stamp(self) -> dict[str, object]:
        """What an unpacked folder must have been made from."""
        changes = [[change.file, change.old, change.new] for change in self.changes]
        return {"sha256": self.sha256, "wanted": list(self.wanted), "changes": changes}

    def present(self, root: Path) -> bool:
        """Whether all of it is unpacked, as the description is now."""
        try:
            stamp = json.loads((root / self.unpacked / STAMP).read_text(encoding="utf-8"))
            names = stamp.pop("files")
        except (OSError, ValueError, AttributeError, KeyError):
            return False
        return stamp == self.stamp() and all((root / self.unpacked / name).is_file() for name in names)

    def compiled(self, root: Path) -> list[str]:
        """The files to compile, from the root on."""
        top = root / self.unpacked
        found = {path for pattern in self.files for path in top.glob(pattern)}
        return sorted(path.relative_to(root).as_posix() for path in found)


def read_ports(root: Path) -> dict[str, Port]:
    """All ports of the tree by their names. Raises PortError."""
    return {path.parent.name: _read(root, path) for path in sorted((root / PORTS).glob("*/port.toml"))}


@dataclass(frozen=True)
class Use:
    """What a program's use of ports means for its build."""

    absent: list[str]  # ports whose code is not there
    flags: str
    archives: list[str]


class Ports:
    """The libraries of the tree's ports, for configure.py."""

    def __init__(self, root: Path, ninja: Ninja) -> None:
        self._root, self._ninja = root, ninja
        self._ports = read_ports(root)
        self._archives: dict[str, str] = {}
        ninja.directories |= {room for room in (PORTS, SOURCES) if (root / room).is_dir()}
        for port in self._ports.values():
            ninja.configured_by.append(f"{port.folder}/port.toml")
            ninja.directories.add(port.folder)

    def write(self, folder: str, flags: str) -> None:
        """A library in `folder` of each port whose code is there. Warnings about it are not ours to read, and
        it does not go into compile_commands.json."""
        for name, port in self._ports.items():
            if not port.present(self._root):
                print(f"configure: no library {name}: its source is missing, ./weft setup fetches it")
                continue
            objects = []
            for source in port.compiled(self._root):
                objects.append(f"{folder}/obj/{source.removeprefix(f'{SOURCES}/')}.o")
                self._ninja.build(objects[-1:], "compile", [source], order_only=["generated"],
                                  flags=f"{flags} -nostdlibinc -w{_flags(port)}")
            self._archives[name] = f"{folder}/lib{name}.a"
            self._ninja.build([self._archives[name]], "archive", objects)
        self._ninja.products["all"] += self._archives.values()

    def use(self, folder: str) -> Use:
        """The ports that the programs in a folder are linked with. Raises PortError."""
        names = sorted(libraries_of(self._root, folder))
        if names:
            self._ninja.configured_by.append(f"{folder}/program.toml")
        for name in names:
            if name not in self._ports:
                raise PortError(f"{folder}/program.toml: there is no {PORTS}/{name}/port.toml")
        absent = [name for name in names if name not in self._archives]
        if absent:
            return Use(absent, "", [])
        flags = "".join(_flags(self._ports[name]) for name in names)
        return Use([], flags, [self._archives[name] for name in names])


def _flags(port: Port) -> str:
    """For a port's code and for programs that use it."""
    places = "".join(f" -isystem {port.unpacked}/{part}" for part in port.include)
    return f" -I{port.folder} -isystem {PORTS_C}{places} {' '.join(port.flags)}".rstrip()


def libraries_of(root: Path, folder: str) -> tuple[str, ...]:
    """The ports that a program's folder names in its program.toml; none without one. Raises PortError."""
    path = root / folder / "program.toml"
    if not path.exists():
        return ()
    table = _load(root, path)
    ports = table.get("ports")
    if list(table) != ["ports"] or not _strings(ports):
        raise PortError(f'{folder}/program.toml: one line is wanted, such as ports = ["littlefs"]')
    return tuple(ports)


def _load(root: Path, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PortError(f"{path.relative_to(root).as_posix()}: {error}") from error


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _read(root: Path, path: Path) -> Port:
    where = path.relative_to(root).as_posix()
    table = _load(root, path)
    for key in ("version", "url", "sha256"):
        if not isinstance(table.get(key), str):
            raise PortError(f"{where}: {key} is missing")
    for key in ("wanted", "files", "include", "flags"):
        if not _strings(table.get(key, [] if key in ("include", "flags") else None)):
            raise PortError(f"{where}: {key} must be a list of strings")
    if not DIGEST.match(table["sha256"]):
        raise PortError(f"{where}: sha256 has 64 hexadecimal digits")
    try:
        changes = tuple(Change(**change) for change in table.pop("change", []))
    except TypeError:
        raise PortError(f"{where}: a [[change]] has file, old and new") from None
    lists = {key: tuple(table.pop(key, ())) for key in ("wanted", "files", "include", "flags")}
    try:
        return Port(name=path.parent.name, folder=path.parent.relative_to(root).as_posix(),
                    changes=changes, **lists, **table)
    except TypeError:
        known = {"version", "url", "sha256"}
        raise PortError(f"{where}: {', '.join(sorted(set(table) - known))} is not known here") from None
