# SPDX-License-Identifier: Apache-2.0
"""Guest and trace say the same of every call, and it is noticed where they do not."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_fakes import FakeLauncher
from weft.bench.agreement import SAMPLE, SAMPLES_OF, compare, table_of
from weft.bench.errors import BenchError
from weft.bench.rows import MAGIC, rows_of

CLIENT, OTHER, SERVER = 7, 8, 9
N, WARMUP = 600, 100
CAPTURE = Path("a.weft")
COST_OF_THE_STAMPS = 250  # instructions from the guest's stamp to the first record and back from the last


class Recorded(FakeLauncher):
    """What a capture says in which client 7 makes N calls of 210 ns, which the guest sees as 365."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = [(SAMPLES_OF, CLIENT, 0), *((SAMPLE, 365, 1) for _ in range(N))]
        self.messages = [(CLIENT, 1000 * turn, 1000 * turn + 210, 0, 0) for turn in range(N)]

    def table(self, capture: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
        rows = {"marks": self.marks, "messages": self.messages}[name]
        assert len(columns) == len(rows[0])
        return iter(rows)

    def total(self) -> int:
        return sum(end - begin for client, begin, end, *_ in self.messages if client == CLIENT)


RUN = {
    "accel": "icount",
    "clock_hz": 1_000_000_000,
    "figures": [{"name": "ipc.call.same_core", "params": {"warmup": WARMUP}}],
    "others": [
        {"record": "guest"},
        {"record": "counts", "name": "ipc.call.same_core", "thread": CLIENT, "client_cpu": 0, "server_cpu": 0},
    ],
}


def agreement(recorded: Recorded, change: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    latency = {
        "messages": N,
        "lost_events": 0,
        "stage_sum_mismatches": 0,
        "paths": [{"client": {"thread": CLIENT}, "sum": recorded.total()}],
        **(change or {}),
    }
    return compare(recorded, CAPTURE, latency, {**copy.deepcopy(RUN), **more})


def test_calls_are_compared_one_by_one_without_the_warm_up() -> None:
    recorded = Recorded()
    recorded.marks[1] = (SAMPLE, 40_000, 1)  # the first call of the warm-up
    found = agreement(recorded)
    call = found["calls"]["ipc.call.same_core"]
    assert (call["n"], call["guest_total"], call["trace_total"]) == (500, 500 * 365, 500 * 210)
    assert (call["min"], call["p50"], call["max"]) == (155, 155, 155)
    assert (call["steady"], call["paged"], call["disturbed"]) == (500, 0, 0)
    assert "ipc.call.same_core  500  182,500  105,000         155  155" in table_of("icount", found)


def test_cycles_of_the_guest_become_nanoseconds() -> None:
    recorded = Recorded()
    recorded.marks = [(name, value if name == SAMPLES_OF else 730, counter) for name, value, counter in recorded.marks]
    assert agreement(recorded, clock_hz=2_000_000_000)["calls"]["ipc.call.same_core"]["p50"] == 155


def test_a_page_and_an_interrupt_are_told_apart() -> None:
    recorded = Recorded()
    recorded.marks[200] = (SAMPLE, 365 + 32, 1)
    recorded.marks[300] = (SAMPLE, 365 + 264, 1)
    call = agreement(recorded)["calls"]["ipc.call.same_core"]
    assert (call["steady"], call["paged"], call["disturbed"]) == (498, 1, 1)


def longer_in_the_trace(recorded: Recorded) -> None:
    client, begin, end, *rest = recorded.messages[300]
    recorded.messages[300] = (client, begin, end + 157, *rest)


def shorter_for_one(recorded: Recorded) -> None:
    recorded.marks[301] = (SAMPLE, 360, 1)


def unsteady(recorded: Recorded) -> None:
    for index in range(200, 300):
        recorded.marks[index] = (SAMPLE, 365 + 20, 1)


def often_disturbed(recorded: Recorded) -> None:
    for index in range(200, 210):
        recorded.marks[index] = (SAMPLE, 365 + 264, 1)


def one_call_missing(recorded: Recorded) -> None:
    recorded.messages.pop(300)


def out_of_order(recorded: Recorded) -> None:
    """The same numbers, but of other calls: only who looks at each call notices."""
    recorded.marks[300], recorded.marks[301] = (SAMPLE, 1365, 1), (SAMPLE, 365, 1)
    client, begin, end, *rest = recorded.messages[300]
    recorded.messages[300] = (client, begin, end + 1000, *rest)


@pytest.mark.parametrize(
    "lie, words",
    [
        (longer_in_the_trace, "2 ns more by the trace than the guest measured"),
        (shorter_for_one, "150 ns apart in one call and 155 in most"),
        (unsteady, "155 ns apart in 400 of 500 calls only, by up to 64 more in 100"),
        (often_disturbed, "by more than that in 10"),
        (one_call_missing, "the guest measured 600 calls, the trace shows 599"),
        (out_of_order, "ns more by the trace than the guest measured"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_contradiction_fails_the_run(lie: Callable[[Recorded], None], words: str) -> None:
    recorded = Recorded()
    lie(recorded)
    with pytest.raises(BenchError, match=words):
        agreement(recorded)


def test_stages_that_do_not_sum_fail_the_run() -> None:
    with pytest.raises(BenchError, match="stages of 3 messages do not sum"):
        agreement(Recorded(), {"stage_sum_mismatches": 3})


def test_totals_of_latency_must_be_those_of_the_messages() -> None:
    with pytest.raises(BenchError, match="thread 7: latency says 5 ns in all, its messages take 126000"):
        agreement(Recorded(), {"paths": [{"client": {"thread": CLIENT}, "sum": 5}]})


def test_nothing_is_compared_after_a_loss() -> None:
    assert agreement(Recorded(), {"lost_events": 1}) == {}


def test_emulated_time_may_vary_but_not_contradict() -> None:
    recorded = Recorded()
    often_disturbed(recorded)
    shorter_for_one(recorded)
    found = agreement(recorded, accel="tcg")
    assert found["calls"]["ipc.call.same_core"]["min"] == 150
    assert "disturbed" not in table_of("tcg", found)
    longer_in_the_trace(recorded)
    with pytest.raises(BenchError, match="more by the trace"):
        agreement(recorded, accel="tcg")


def npy(header: str, body: bytes) -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return MAGIC + struct.pack("<H", len(text)) + text + body


def test_a_table_is_read_by_its_header() -> None:
    header = "{'descr': [('a', '<u8'), ('b', '<i4'), ('c', '|u1')], 'fortran_order': False, 'shape': (2,)}"
    body = struct.pack("<QiB", 1, -2, 3) + struct.pack("<QiB", 4, 5, 6)
    assert list(rows_of(npy(header, body), ("c", "b"))) == [(3, -2), (6, 5)]
    for data in (b"", npy(header, body[:-1]), npy(header, body).replace(b"<u8", b"<f8"), npy("{", body)):
        with pytest.raises(BenchError, match="weft-trace table: "):
            rows_of(data, ("a", "b"))


def test_guest_and_trace_agree_on_a_hundred_thousand_calls(
    build: Any, weft: Callable[..., Any], tmp_path: Path
) -> None:
    """In instructions to the digit: a constant for each way, but where a page of a ring was opened or an
    interrupt came in between. On emulated time: no call takes longer by the trace than by the guest."""
    done = weft("bench", "--suite", "latency", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    icount, tcg = json.loads((tmp_path / "details.json").read_text())["runs"]
    for run in (icount, tcg):
        found = run["agreement"]
        assert found["messages"] >= 100_000
        assert set(found["calls"]) == {
            "ipc.call.same_core", "ipc.call.cross_core", "ipc.call.matrix", "ipc.call.matrix, same core",
            "ipc.call.pairs"}  # fmt: skip
        assert f"guest and trace, {run['accel']}: {found['messages']:,} messages" in done.stdout
    for name, call in icount["agreement"]["calls"].items():
        assert call["steady"] + call["paged"] + call["disturbed"] == call["n"], name
        assert call["min"] >= call["p50"] - 1 and call["p50"] <= COST_OF_THE_STAMPS, name
        assert call["guest_total"] - call["trace_total"] >= call["n"] * (call["p50"] - 1)
