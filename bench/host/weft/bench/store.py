# SPDX-License-Identifier: Apache-2.0
"""The boots of a run, kept as they end, so that a run that was interrupted goes on where it was.

    store = Store.open(out / "boots.jsonl", fresh=False)
    kept = store.find(key)                        # what a boot under this key left, or None
    store.add(key, words, outcome, load, capture) # on the disk when this returns

One line of JSON per boot. Its key is all that the boot depends on: commit, kernel and image (by their bytes),
QEMU, mode, CPUs, memory, CPU model, command line, which repetition; `words` are the same for people. So a
run with another kernel, or with other options, finds nothing and measures anew. A line that was being
written when the power went is cut off. What a boot has said is kept whole and read again as if it came from
the guest: judged by the same code. Of two boots under one key the first counts.

How long the boots of an earlier run took survives in a line of its own: the time left is told by it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
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
        self.seconds: dict[str, float] = {}  # of boots by their label, in this run or an earlier one

    @staticmethod
    def open(path: Path, fresh: bool) -> Store:
        """What lies there, or an empty store: with `fresh`, or if there is none."""
        store = Store(path)
        try:
            if path.is_file():
                store._read()
            if fresh:
                store._boots = {}
                path.unlink(missing_ok=True)
                if store.seconds:
                    store._append({"seconds": store.seconds})
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

    def add(
        self, key: str, words: dict[str, Any], outcome: BootOutcome, load: float, capture: Path | None
    ) -> None:
        """Appends a boot."""
        boot = {
            "key": key,
            **words,
            "load": load,
            "capture": capture.name if capture else "",
            "capture_bytes": capture.stat().st_size if capture else 0,
            "outcome": asdict(outcome),
        }
        self._boots[key] = boot
        self._append(boot)

    def forget(self, keys: Iterable[str]) -> None:
        """These boots are there no more: they will be made anew, not found wanting again."""
        gone = [key for key in keys if self._boots.pop(key, None)]
        if gone:
            self._append({"forgotten": gone})

    def _append(self, data: dict[str, Any]) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(data, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BenchError(f"{self._path}: {error.strerror}") from error

    def _read(self) -> None:
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # of another version: measured anew
        if len(whole) != len(data):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))

    def _take(self, line: dict[str, Any]) -> None:
        if "forgotten" in line:
            for key in line["forgotten"]:
                self._boots.pop(key, None)
        elif "seconds" in line:
            self.seconds |= {str(label): float(value) for label, value in line["seconds"].items()}
        else:
            outcome = BootOutcome(**line["outcome"])
            boot = {**line, "load": float(line["load"]), "capture": str(line["capture"])}
            self._boots.setdefault(line["key"], boot)
            self.seconds[str(line["label"])] = outcome.seconds
