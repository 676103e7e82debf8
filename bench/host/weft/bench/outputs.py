# SPDX-License-Identifier: Apache-2.0
"""Writes what a run leaves for people and programs: results.json, details.json, and the reports made of them.

    write(out, results, details, catalogue, reference)
    remake(out, catalogue, reference)           # weft bench --report-only

`reference` is the run that the report shows the differences from. Without one, figures of icount mode are
compared with bench/reference.json, as far as that has them. What came of it is kept in details.json, so that
reports can be made again without either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.bench import cost
from weft.bench.catalogue import Catalogue
from weft.bench.compare import Run
from weft.bench.errors import BenchError
from weft.bench.gate import REFERENCE
from weft.bench.reference import beside_gate, beside_run
from weft.bench.report import documents
from weft.bench.results import check_results, read_json, write_json


def write(
    out: Path, results: dict[str, Any], details: dict[str, Any], catalogue: Catalogue, reference: Run | None
) -> None:
    """All files; `details` gets what came of the comparison."""
    check_results(results)
    _compare(out, results, details, reference)
    write_json(out / "results.json", results)
    write_json(out / "details.json", details)
    costs = [run for run in details["runs"] if "cost" in run]
    _write_documents(out, {"cost.md": cost.document({"runs": costs})} if costs else {})
    _write_documents(out, documents(results, details, catalogue))


def remake(out: Path, catalogue: Catalogue, reference: Run | None) -> None:
    """The reports from the two files that lie there; with another reference, if one is given."""
    results, details = read_json(out / "results.json"), read_json(out / "details.json")
    check_results(results)
    if reference:
        _compare(out, results, details, reference)
        write_json(out / "details.json", details)
    _write_documents(out, documents(results, details, catalogue))


def _compare(out: Path, results: dict[str, Any], details: dict[str, Any], reference: Run | None) -> None:
    if reference:
        found: dict[str, Any] | None = beside_run(reference, Run.of(out, results, details))
    else:
        found = beside_gate(read_json(REFERENCE), results) if REFERENCE.is_file() else None
    if found:
        details["reference"] = found


def _write_documents(out: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        try:
            (out / name).write_text(content, encoding="utf-8", newline="")
        except OSError as error:
            raise BenchError(f"{out / name}: {error.strerror}") from error
