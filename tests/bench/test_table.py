# SPDX-License-Identifier: Apache-2.0
"""The table on the terminal: every record has its row, and a name that says which one it is."""

from __future__ import annotations

from typing import Any

from weft.bench.catalogue import Catalogue
from weft.bench.table import labels, render_run
from weft.paths import ROOT


def result(name: str, p50: int = 10, unit: str = "instructions", **params: Any) -> dict[str, Any]:
    values = {key: p50 for key in ("n", "min", "p50", "p90", "p99", "p999", "max")}
    return {"name": name, "unit": unit, **values, "params": {"warmup": 5, "thread": p50, **params}}


def test_a_name_that_stands_alone_needs_no_parameters() -> None:
    assert labels([result("syscall.null", cpu=0), result("thread.switch", cpu=0)]) == [
        "syscall.null",
        "thread.switch",
    ]


def test_records_of_one_name_are_told_apart_by_what_differs() -> None:
    records = [
        result("ipc.call.words", 10, server_cpu=cpu, client_cpu=0, words=words) for cpu in (0, 1) for words in (0, 8)
    ]
    assert labels(records) == [
        "ipc.call.words server_cpu=0 words=0",
        "ipc.call.words server_cpu=0 words=8",
        "ipc.call.words server_cpu=1 words=0",
        "ipc.call.words server_cpu=1 words=8",
    ]


def test_what_the_guest_finds_out_is_no_name() -> None:
    records = [result("storm", p50, by=by, timestamp_cost=p50) for p50, by in ((1, "ipc"), (2, "channel"))]
    assert labels(records) == ["storm by=ipc", "storm by=channel"]


def test_every_record_but_a_matrix_has_a_row_in_the_order_of_the_catalogue() -> None:
    catalogue = Catalogue.load(ROOT / "bench")
    results = [
        result("ipc.send", 77, to_cpu=1),
        result("ipc.call.matrix", 5, client_cpu=0, server_cpu=1),
        result("ipc.send", 66, to_cpu=0),
        result("ipc.call.same_core", 294),
    ]
    run = {"accel": "icount", "cpus": 2, "profile": "bench", "qemu": "7", "cpu_model": "max", "results": results}
    rows = render_run(run, catalogue, []).splitlines()[5:]
    assert [row.split()[0] for row in rows] == ["ipc.call.same_core", "ipc.send", "ipc.send"]
    assert ["to_cpu=1" in rows[1], "to_cpu=0" in rows[2]] == [True, True]
    assert "10,570" in rows[0], "Linux stands beside it"
