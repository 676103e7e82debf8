# SPDX-License-Identifier: Apache-2.0
"""Ask Perfetto's trace processor about a timeline: what `weft trace sql FILE 'SELECT ...'` does.

FILE is a timeline (.pftrace) or a capture (.weft), which is converted first. The views of
trace/sql/weft.sql are there, and the whole standard library of the trace processor (INCLUDE PERFETTO
MODULE ...). The trace processor is the real one, as WebAssembly, from the npm package that the tests
use. Without a query the statements are read from standard input.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from weft import build, setup
from weft.failure import Failure
from weft.needs import NPM_FOLDER
from weft.paths import ROOT

VIEWS = ROOT / "trace" / "sql" / "weft.sql"
SCRIPT = NPM_FOLDER / "trace_processor.mjs"
CAPTURE_MAGIC = b"WEFTCAP1"
SECONDS = 600


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="weft trace sql",
        description=__doc__.splitlines()[0],
        epilog="example: weft trace sql out/run/trace.weft 'SELECT * FROM weft_latency'",
    )
    parser.add_argument("file", type=Path, help="a .pftrace or .weft file")
    parser.add_argument("query", nargs="?", help="SQL; the last statement's rows are shown (default: standard input)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated values with a head line")
    options = parser.parse_args(list(arguments))
    query = options.query if options.query is not None else sys.stdin.read()
    columns, rows = ask(options.file, query)
    show(columns, rows, "json" if options.json else "csv" if options.csv else "text")
    return 0


def ask(file: Path, query: str) -> tuple[list[str], list[list]]:
    """The columns and rows of the last statement of a query."""
    try:
        with file.open("rb") as head:
            capture = head.read(len(CAPTURE_MAGIC)) == CAPTURE_MAGIC
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}", code=2) from error
    setup.setup("view")
    if not capture:
        return _ask_timeline(file, query)
    with tempfile.TemporaryDirectory(prefix="weft-sql-") as folder:
        timeline = Path(folder) / "trace.pftrace"
        tool = build.host_tool()
        build.build([tool], quiet=True)
        done = subprocess.run([tool, "convert", file, "-o", timeline], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure(done.stderr.strip().removeprefix("weft-trace: "), code=2)
        return _ask_timeline(timeline, query)


def _ask_timeline(timeline: Path, query: str) -> tuple[list[str], list[list]]:
    queries = json.dumps([VIEWS.read_text(encoding="utf-8"), query])
    try:
        done = subprocess.run(["node", SCRIPT, timeline], input=queries, capture_output=True, text=True,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"no answer within {SECONDS} s") from None
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or "the trace processor failed")
    views, answer = json.loads(done.stdout)
    for part in (views, answer):
        if "error" in part:
            raise Failure(part["error"].strip().splitlines()[-1], code=2)
    return answer["columns"], answer["rows"]


def show(columns: list[str], rows: list[list], form: str) -> None:
    if form == "json":
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
    elif form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    else:
        cells = [columns] + [["" if value is None else str(value) for value in row] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        numbers = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(columns))]
        for row in cells:
            fields = [text.rjust(width) if number else text.ljust(width)
                      for text, width, number in zip(row, widths, numbers, strict=True)]
            print("  ".join(fields).rstrip())
