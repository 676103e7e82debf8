# SPDX-License-Identifier: Apache-2.0
"""Does the trace say the same of calls as the guest that made them?

    agreement = compare(launcher, capture, latency, run)      # for details.json
    print(table_of(agreement))

The guest stamps each call before and after it, in user space, and writes what it measured into the trace
when the loop is done (`samples of`, then one `sample` per call, in their order). So both views of every
single call lie in one capture. The trace's round trip begins with the kernel's first record of the call
and ends with its last, so it lies within the guest's: what the guest has more is the cost of the stamps,
namely the way into the kernel up to that record and the way back behind the other one. It is the same
for every call, but where a record opens a new page of its ring, or an interrupt comes in between. The
warm-up does not count, as in the guest's figures.

What must hold in every mode, or the run fails: each message's stages sum to its round trip, the totals of
`weft-trace latency` are those of the messages, the guest made exactly the calls that are in the trace,
and none is shorter for the guest than for the trace. In icount mode, where time is instructions, more
must hold: no call's difference is below the median, those above it by a page's opening (PAGE_COST) are
at most PAGES of them, those above that, which were disturbed, at most DISTURBED and for each client EDGE more:
interrupts come while the threads beside it are made and ended, however many calls lie between.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.bench.launcher import Launcher
from weft.bench.table import aligned, number

MATRIX = "ipc.call.matrix"  # has calls of both kinds, which differ in their ways through the kernel
SAMPLES_OF, SAMPLE = 2, 3  # name ids, as in bench/guest/report.c
ROUNDING = 1  # ns; each side's times are whole nanoseconds
PAGE_COST = 64  # instructions and more than enough for a page
PAGES = 17 / 255  # of the calls: a page holds 255 records, and no call leaves more than 17 on a CPU
DISTURBED = 0.005
EDGE = 4

COLUMNS = {
    "n": "n",
    "guest_total": "guest",
    "trace_total": "trace",
    "min": "apart: min",
    "p50": "p50",
    "p99": "p99",
    "max": "max",
    "paged": "page opened",
    "disturbed": "disturbed",
}
EXACT = ("paged", "disturbed")  # can be told in icount mode only

Pair = tuple[int, int]  # the guest's and the trace's time of one call, ns


def compare(launcher: Launcher, capture: Path, latency: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """What came out, by benchmark; empty where events were lost or no samples are in the trace."""
    if latency["stage_sum_mismatches"]:
        raise BenchError(
            f"{capture}: the stages of {latency['stage_sum_mismatches']} messages do not sum to their round trips"
        )
    samples = _samples(launcher.table(capture, "marks", ("name", "value", "counter")))
    if latency["lost_events"] or not samples:
        return {}
    clock_hz = run["clock_hz"]
    messages = _messages(launcher.table(capture, "messages", ("client", "enter", "resume", "one_way", "aborted")))
    _check_totals(latency, messages)
    warmup = {figure["name"]: figure["params"].get("warmup", 0) for figure in run["figures"]}
    pairs: dict[str, list[Pair]] = {}
    clients: dict[str, int] = {}
    for record in run["others"]:
        name, client = record.get("name", ""), record.get("thread")
        if record.get("record") != "counts" or client not in samples:
            continue
        trips = messages.get(client, [])
        if len(trips) != len(samples[client]):
            raise BenchError(f"{name}: the guest measured {len(samples[client])} calls, the trace shows {len(trips)}")
        guest = [cycles * 1_000_000_000 // clock_hz for cycles in samples[client]]
        label = f"{name}, same core" if name == MATRIX and record["client_cpu"] == record["server_cpu"] else name
        clients[label] = clients.get(label, 0) + 1
        pairs.setdefault(label, []).extend(list(zip(guest, trips, strict=True))[warmup.get(name, 0) :])
    found = {name: _judge(name, calls, clients[name], run["accel"]) for name, calls in pairs.items() if calls}
    return {"messages": latency["messages"], "calls": found} if found else {}


def _samples(marks: Iterable[tuple[int, ...]]) -> dict[int, list[int]]:
    """What each thread measured, in cycles."""
    samples: dict[int, list[int]] = {}
    current: list[int] = []
    for name, value, counter in marks:
        if name == SAMPLES_OF and not counter:
            current = samples.setdefault(value, [])
        elif name == SAMPLE and counter:
            current.append(value & 0xFFFFFFFF)
    return samples


def _messages(rows: Iterable[tuple[int, ...]]) -> dict[int, list[int]]:
    """The round trips of each client, in the order in which they began."""
    found: dict[int, list[Pair]] = {}
    for client, enter, resume, one_way, aborted in rows:
        if not one_way and not aborted:
            found.setdefault(client, []).append((enter, resume - enter))
    return {client: [length for _, length in sorted(trips)] for client, trips in found.items()}


def _check_totals(latency: dict[str, Any], messages: dict[int, list[int]]) -> None:
    """The totals that `latency` reports are those of the messages, to the nanosecond."""
    totals: dict[int, int] = {}
    for path in latency["paths"]:
        client = path["client"]["thread"]
        totals[client] = totals.get(client, 0) + path["sum"]
    own = {client: sum(trips) for client, trips in messages.items()}
    if totals != own:
        wrong = next(client for client in totals.keys() | own.keys() if totals.get(client) != own.get(client))
        raise BenchError(
            f"thread {wrong}: latency says {totals.get(wrong)} ns in all, its messages take {own.get(wrong)}"
        )


def _judge(name: str, calls: list[Pair], clients: int, mode: str) -> dict[str, Any]:
    """How far the two are apart; BenchError where they contradict each other."""
    apart = sorted(guest - trace for guest, trace in calls)
    n = len(apart)
    median = apart[(n - 1) // 2]
    steady = sum(abs(value - median) <= ROUNDING for value in apart)
    paged = sum(ROUNDING < value - median <= PAGE_COST for value in apart)
    result = {
        "n": n,
        "guest_total": sum(guest for guest, _ in calls),
        "trace_total": sum(trace for _, trace in calls),
        "min": apart[0],
        "p50": median,
        "p99": apart[(99 * n + 99) // 100 - 1],
        "max": apart[-1],
        "steady": steady,
        "paged": paged,
        "disturbed": sum(value - median > PAGE_COST for value in apart),
    }
    if apart[0] < -ROUNDING:
        raise BenchError(f"{name}: a call took {-apart[0]} ns more by the trace than the guest measured around it")
    if mode == "icount":
        if apart[0] < median - ROUNDING:
            raise BenchError(f"{name}: guest and trace are {apart[0]} ns apart in one call and {median} in most")
        if paged > 1 + PAGES * n or result["disturbed"] > EDGE * clients + DISTURBED * n:
            raise BenchError(
                f"{name}: guest and trace are {median} ns apart in {steady} of {n} calls only, "
                f"by up to {PAGE_COST} more in {paged}, by more than that in {result['disturbed']}"
            )
    return result


def table_of(mode: str, agreement: dict[str, Any]) -> str:
    """For the terminal."""
    if not agreement:
        return f"guest and trace, {mode}: not compared (events were lost, or no samples are in the trace)"
    columns = COLUMNS if mode == "icount" else {key: COLUMNS[key] for key in COLUMNS if key not in EXACT}
    rows = [
        [name, *(number(found[key]) for key in columns)] for name, found in agreement["calls"].items()
    ]
    lines = [
        f"guest and trace, {mode}: {agreement['messages']:,} messages, the stages of each sum to its round trip",
        "  by the guest's own stamps, by the trace, and how far the two are apart for a call; ns",
        "",
        *aligned([["call", *columns.values()], *rows], words=1),
    ]
    return "\n".join(lines)
