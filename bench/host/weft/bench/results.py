# SPDX-License-Identifier: Apache-2.0
"""The two files with numbers: results.json for everybody, details.json for the report.

results.json is an interface that others parse; it has exactly these keys and no others:

    {"schema": "weft-results-1",
     "runs": [{"arch", "cpus", "accel", "qemu", "cpu_model", "profile", "commit",
               "results": [{"name", "unit", "n", "min", "p50", "p90", "p99", "p999", "max", "params"}]}]}

With a baseline there is one key more, "ratios": one element for each pair of a benchmark of ours and
one of Linux's, or the best of several, with the medians of both, their ratio (Linux / Weft, so that
more is better for Weft) and the lowest and highest ratio of any round. Linux's figures stand among
the results as `linux.*`.

One run per mode and number of CPUs, in a suite of suites also per part; one result per name and unit, and for benchmarks that were made for many pairs of
CPUs one per pair, told apart by `params`. details.json holds what the report needs besides:
histograms, the spread over repetitions, commands, files, environment. `check_results` is the schema
as code: the writer passes through it, and tests hold it against files that must fail.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.records import STATISTICS, BenchRecord

RESULTS_SCHEMA = "weft-results-1"
DETAILS_SCHEMA = "weft-bench-details-1"

RUN_TYPES = {
    "arch": str,
    "cpus": int,
    "accel": str,
    "qemu": str,
    "cpu_model": str,
    "profile": str,
    "commit": str,
    "results": list,
}
RATIO_TYPES = {
    "accel": str,
    "cpus": int,
    "variant": str,
    "weft": str,
    "linux": str,
    "contenders": list,
    "fastest": str,
    "cpu_model": str,
    "unit": str,
    "weft_p50": int,
    "linux_p50": int,
    "rounds": int,
    "ratio": float,
    "low": float,
    "high": float,
}
RESULT_TYPES = {"name": str, "unit": str, "n": int, **{key: int for key in STATISTICS}, "params": dict}


def result_entry(record: BenchRecord) -> dict[str, Any]:
    """One element of a run's `results`."""
    return {
        "name": record.name,
        "unit": record.unit,
        "n": record.n,
        **record.statistics(),
        "params": record.params,
    }


def check_results(data: Any) -> None:
    """Raises BenchError, naming the place, where `data` is not a weft-results-1 document."""
    keys = {"schema": str, "runs": list}
    ratios = data.get("ratios") if isinstance(data, dict) else None
    _check_keys(data, keys if ratios is None else {**keys, "ratios": list}, "results")
    for ratio in ratios or ():
        _check_keys(ratio, RATIO_TYPES, "results: a ratio")
    if data["schema"] != RESULTS_SCHEMA:
        raise BenchError(f"results: schema is '{data['schema']}', not '{RESULTS_SCHEMA}'")
    for number, run in enumerate(data["runs"]):
        place = f"results: run {number}"
        _check_keys(run, RUN_TYPES, place)
        for result in run["results"]:
            _check_keys(result, RESULT_TYPES, f"{place}: a result")
            ordered = [result[key] for key in STATISTICS]
            if result["n"] < 1 or ordered != sorted(ordered):
                raise BenchError(f"{place}: {result['name']}: impossible statistics")


def _check_keys(data: Any, types: dict[str, type], place: str) -> None:
    if not isinstance(data, dict):
        raise BenchError(f"{place}: not an object")
    if set(data) != set(types):
        wrong = ", ".join(sorted(set(data) ^ set(types)))
        raise BenchError(f"{place}: wrong set of keys ({wrong})")
    for key, kind in types.items():
        if not isinstance(data[key], kind) or isinstance(data[key], bool):
            raise BenchError(f"{place}: '{key}' is not of type {kind.__name__}")


def write_json(path: Path, data: Any) -> None:
    """Writes a file that either is there whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Reads a file that write_json wrote; BenchError when it cannot."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: not JSON: {error}") from error
