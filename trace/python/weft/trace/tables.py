# SPDX-License-Identifier: Apache-2.0
"""What happened as tables: `Capture.table`, `Capture.frame` and `Capture.to_parquet`.

The rows are found by weft-trace, whose model also draws the timeline and measures latencies, and come
as a file that NumPy maps: a capture of 30 million events takes seconds. Times are nanoseconds.

    schedule    start end cpu thread process state          a stretch of a thread on a CPU
    states      start end thread process cpu state          a stretch in one state
    messages    enter call push take deliver serve reply back resume, message client server answerer
                endpoint client_cpu server_cpu path one_way aborted saved
    interrupts  start end cpu thread vector
    slices      start end thread process name value depth   what a program began and ended
    marks       time thread process name value counter      marks and counter values of programs
    memory      time process free                           pages (4 KiB) that a process has left

A frame has these columns and more: durations, the stages of messages, and names beside ids.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.trace.events import ENUM_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from weft.trace.capture import Capture

TABLES = ("schedule", "states", "messages", "interrupts", "slices", "marks", "memory")
STAMPS = ("enter", "call", "push", "take", "deliver", "serve", "reply", "back", "resume")
STAGES = ("entry", "enqueue", "doorbell", "wakeup", "dispatch", "service", "reply", "resume")
RUNNING, UNKNOWN = 254, 255
TOOL = Path(__file__).resolve().parents[4] / "build" / "host" / "weft-trace"


class TableError(Exception):
    """There is no such table, weft-trace could not make it, or a package is missing; the text says why."""


def _package(name: str) -> Any:
    """A package that only frames and files need."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TableError(f"{error.name} is not installed (./weft setup puts it into .venv)") from error


def read_table(path: Path, name: str) -> np.ndarray:
    """The rows of a table as a structured array, mapped from a file that is already gone."""
    if name not in TABLES:
        raise TableError(f"there is no table {name} (but {', '.join(TABLES)})")
    tool = os.environ.get("WEFT_TRACE", str(TOOL))
    with tempfile.TemporaryDirectory(prefix="weft-table-") as folder:
        out = Path(folder) / f"{name}.npy"
        try:
            done = subprocess.run([tool, "table", path, "--name", name, "-o", out],
                                  capture_output=True, text=True)
        except OSError as error:
            raise TableError(f"{tool}: {error.strerror} (./weft build makes it)") from error
        if done.returncode != 0:
            raise TableError(done.stderr.strip().removeprefix("weft-trace: "))
        rows = np.load(out, mmap_mode="r")
        # An empty file cannot be mapped; NumPy gives an array of its own then.
        return rows


def states() -> dict[int, str]:
    """The names of the states that schedule and states refer to."""
    return {**ENUM_NAMES["thread_state"], RUNNING: "running", UNKNOWN: "unknown"}


def stages(messages: np.ndarray) -> dict[str, np.ndarray]:
    """The stages of messages in ns; they sum to the whole, resume - enter."""
    return {name: messages[after].astype(np.int64) - messages[before].astype(np.int64)
            for name, before, after in zip(STAGES, STAMPS, STAMPS[1:], strict=False)}


def _names(ids: np.ndarray, names: dict[Any, str], kind: str) -> np.ndarray:
    unique, places = np.unique(ids, return_inverse=True)
    texts = [names.get(int(i), f"{kind} {i}" if i else "") for i in unique]
    return np.array(texts, dtype=object)[places] if len(unique) else np.array([], dtype=object)


def _column(values: np.ndarray) -> np.ndarray:
    """Times are signed in frames: their differences may be, and NumPy makes floats of a mixture."""
    return np.ascontiguousarray(values, np.int64 if values.dtype == np.uint64 else values.dtype)


def _strings(capture: Capture, rows: np.ndarray) -> list[str]:
    known = capture.names.strings
    return [known.get((process, name)) or known.get((0, name)) or f"event {name}"
            for process, name in zip(rows["process"].tolist(), rows["name"].tolist(), strict=True)]


def make_frame(capture: Capture, name: str) -> pd.DataFrame:
    """A table with names and durations, as a pandas DataFrame."""
    pd = _package("pandas")
    rows = capture.table(name)
    frame = pd.DataFrame({column: _column(rows[column]) for column in rows.dtype.names})
    if "end" in frame:
        frame["duration"] = frame["end"] - frame["start"]
    for column in {"thread", "client", "server", "answerer"} & set(frame.columns):
        frame[f"{column}_name"] = pd.Categorical(_names(rows[column], capture.names.threads, "thread"))
    if "process" in frame:
        frame["process_name"] = pd.Categorical(_names(rows["process"], capture.names.processes, "process"))
    if "state" in frame:
        frame["state"] = pd.Categorical(_names(rows["state"], states(), "state"))
    if name in ("slices", "marks"):
        frame["name"] = pd.Categorical(_strings(capture, rows))
    if name == "messages":
        frame = frame.rename(columns={stamp: f"{stamp}_at" for stamp in STAMPS})
        for stage, lengths in stages(rows).items():
            frame[stage] = lengths
        frame["total"] = rows["resume"].astype(np.int64) - rows["enter"].astype(np.int64)
        frame["path"] = pd.Categorical(_names(rows["path"], ENUM_NAMES["ipc_path"], "path"))
        for flag in ("one_way", "aborted", "saved"):
            frame[flag] = frame[flag].astype(bool)
    return frame


def write_parquet(capture: Capture, folder: Path) -> list[Path]:
    """Every table as a file; returns their paths."""
    _package("pyarrow")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in TABLES:
        paths.append(folder / f"{name}.parquet")
        make_frame(capture, name).to_parquet(paths[-1], index=False)
    return paths
