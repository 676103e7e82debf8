# SPDX-License-Identifier: Apache-2.0
"""Fetch the pinned archives of the ports (`weft.ports`), and unpack what is used of them.

    missing()              the ports whose code is not there
    fetch(ports)           get it; what cannot be had, as one line each

An archive is fetched once, checked against its SHA-256, and kept in build/sources; whoever has no network can put it
there. Only the files that the description wants are unpacked, as plain files, with the description's changes made.

Invariants: a folder build/sources/NAME-VERSION is complete or not there; an archive there has the right checksum
when it is used. Two that run at once do the same work twice and do not disturb each other.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from weft import ports
from weft.failure import Failure
from weft.paths import ROOT
from weft.ports import Port, PortError

SECONDS = 20
AGAIN_AFTER = 3600  # seconds, for who did not ask for it
BYTES_MAX = 64 << 20


def known(root: Path = ROOT) -> list[Port]:
    try:
        return list(ports.read_ports(root).values())
    except PortError as error:
        raise Failure(str(error)) from error


def missing(root: Path = ROOT) -> list[Port]:
    return [port for port in known(root) if not port.present(root)]


def fetch(wanted: Iterable[Port], root: Path = ROOT) -> list[str]:
    """Fetches and unpacks; returns a line for each that cannot be had."""
    failures = []
    for port in wanted:
        try:
            _unpack(port, _archive(port, root), root)
        except Failure as failure:
            failures.append(str(failure))
    mark = root / ports.SOURCES / "unreachable"
    mark.unlink(missing_ok=True)
    if failures:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("".join(f"{line}\n" for line in failures), encoding="utf-8")
    return failures


def failed_lately(root: Path = ROOT) -> bool:
    """Whether the last try failed and is so young that nobody needs another one unasked."""
    try:
        age = time.time() - (root / ports.SOURCES / "unreachable").stat().st_mtime
    except OSError:
        return False
    return 0 <= age < AGAIN_AFTER


def _archive(port: Port, root: Path) -> Path:
    """The archive's file, with the right content."""
    path = root / port.archive
    if path.is_file():
        _check(port, path, path.read_bytes())
        return path
    by_hand = f"fetch {port.url} elsewhere and put it into {ports.SOURCES}/"
    try:
        with urllib.request.urlopen(port.url, timeout=SECONDS) as answer:
            data = answer.read(BYTES_MAX)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Failure(f"the source of {port.name} cannot be fetched ({reason}); {by_hand}") from error
    _check(port, Path(port.url), data)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
    return path


def _check(port: Port, path: Path, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if digest != port.sha256:
        raise Failure(f"the source of {port.name} is not the pinned one: {path} has SHA-256 {digest}; "
                      f"remove it, or see what has changed before you believe it")


def _unpack(port: Port, archive: Path, root: Path) -> None:
    folder = root / port.unpacked
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as fresh:
        top = Path(fresh) / folder.name
        names = _extract(port, archive, top)
        for change in port.changes:
            _change(port, top / change.file, change)
        stamp = {**port.stamp(), "files": names}
        (top / ports.STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            top.rename(folder)
        except OSError as error:
            if not port.present(root):  # else another set-up was quicker
                raise Failure(f"cannot write to {folder}: {error.strerror}") from error


def _extract(port: Port, archive: Path, top: Path) -> list[str]:
    """Writes the plain files that are wanted, and returns their names."""
    names = []
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                name = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                fits = any(fnmatch.fnmatchcase(name.as_posix(), pattern) for pattern in port.wanted)
                plain = member.isreg() and ".." not in name.parts
                content = tar.extractfile(member) if fits and plain else None
                if content is None:
                    continue
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_bytes(content.read())
                names.append(name.as_posix())
    except (OSError, tarfile.TarError, EOFError) as error:
        raise Failure(f"{archive} cannot be unpacked: {error}") from error
    for pattern in port.wanted:
        if not fnmatch.filter(names, pattern):
            raise Failure(f"{port.name} {port.version} has no {pattern}")
    return sorted(names)


def _change(port: Port, path: Path, change: ports.Change) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(change.old) != 1:
        first = change.old.strip().splitlines()[0].strip()
        raise Failure(f"{port.name} {port.version}: {change.file} has {text.count(change.old)} places like "
                      f"{first!r}, and one is to be changed")
    path.write_text(text.replace(change.old, change.new), encoding="utf-8")
