# SPDX-License-Identifier: Apache-2.0
"""The boots of a run, kept as they end, so that a run that was interrupted goes on where it was.

    store = Store.open(out / "boots.jsonl", fresh=False)
    kept = store.find(key)              # what a boot under this key left, or None
    store.add(key, outcome, load)       # on the disk when this returns

One line of JSON per boot. Its key is all that the boot depends on: kernel and image (by their bytes), mode,
CPUs, memory, CPU model, command line, which repetition. So a run with another kernel, or with other
options, finds nothing and measures anew. A line that was being written when the power went is cut off. What
a boot has said is kept whole and read again as if it came from the guest: judged by the same code.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.launcher import BootOutcome, BootPlan

NAME = "boots.jsonl"


def key_of(plan: BootPlan, repetition: int, identity: str) -> str:
    """The name under which a boot is kept."""
    parts = {**asdict(plan), "capture": plan.capture.name if plan.capture else "", "repetition": repetition,
             "identity": identity}  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


class Store:
    """See the module."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boots: dict[str, dict[str, Any]] = {}

    @staticmethod
    def open(path: Path, fresh: bool) -> Store:
        """What lies there, or an empty store: with `fresh`, or if there is none."""
        store = Store(path)
        try:
            if fresh:
                path.unlink(missing_ok=True)
            elif path.is_file():
                store._read()
        except OSError as error:
            raise BenchError(f"{path}: {error.strerror}") from error
        return store

    def __len__(self) -> int:
        return len(self._boots)

    @property
    def files(self) -> set[str]:
        """The captures that belong to the boots."""
        return {boot["capture"] for boot in self._boots.values() if boot["capture"]}

    def find(self, key: str) -> tuple[BootOutcome, float] | None:
        """The boot with this key; None too where its capture is gone or has another size."""
        boot = self._boots.get(key)
        if boot is None:
            return None
        capture = self._path.parent / boot["capture"] if boot["capture"] else None
        if capture and not (capture.is_file() and capture.stat().st_size == boot["capture_bytes"]):
            return None
        return BootOutcome(**boot["outcome"]), boot["load"]

    def add(self, key: str, outcome: BootOutcome, load: float, capture: Path | None) -> None:
        """Appends a boot."""
        boot = {
            "key": key,
            "load": load,
            "capture": capture.name if capture else "",
            "capture_bytes": capture.stat().st_size if capture else 0,
            "outcome": asdict(outcome),
        }
        self._boots[key] = boot
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(boot, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BenchError(f"{self._path}: {error.strerror}") from error

    def forget(self) -> None:
        """No boot is there any more."""
        self._boots = {}
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                boot = json.loads(line)
                BootOutcome(**boot["outcome"])
                self._boots[boot["key"]] = {**boot, "load": float(boot["load"]), "capture": str(boot["capture"])}
            except (ValueError, KeyError, TypeError):
                continue  # of another version: measured anew
        if len(whole) != len(data):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
