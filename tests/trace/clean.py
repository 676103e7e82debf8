# SPDX-License-Identifier: Apache-2.0
"""Is a converted trace clean? The points that the trace processor reports, and those it hides.

    problems = trace_problems(trace, capture, ask)      # a list of sentences, empty when clean

The first kind is in its `stats` and import log: errors, lost data, and counters that only look
harmless. The second kind is what it drops or misreads without a word. For that, what stands in the
file (decoded by Perfetto's own Python protos) is counted against what came out in the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

Ask = Callable[[Path, list[str]], list[list[tuple]]]

# Of severity "info", and yet they mean that something was lost.
LOSS_COUNTERS = (
    "flow_end_without_start", "flow_step_without_start", "ftrace_missing_event_id",
    "ftrace_packet_before_tracing_start", "interned_data_tokenizer_errors",
    "tokenizer_skipped_packets", "track_event_parser_errors", "track_event_tokenizer_errors",
    "track_hierarchy_missing_uuid", "packet_skipped_seq_needs_incremental_state_invalid",
    "compact_sched_switch_skipped", "compact_sched_waking_skipped",
)  # fmt: skip

BEGIN, INSTANT, COUNTER = 1, 3, 4

STATS = "select name, idx, severity, value from stats where value > 0"
LOG = "select * from _trace_import_logs limit 5"
# Each of these must give no row.
ODDITIES = {
    "slice never ended": "select id, name, ts from slice where dur < 0",
    "thread without a name":
        "select tid from thread where tid != 0 and coalesce(name, '') = ''",
    "thread without a process": "select tid, name from thread where upid is null",
    "overlap on a CPU":
        "select cpu, ts, dur, next from (select cpu, ts, dur, lead(ts) over"
        " (partition by cpu order by ts) as next from sched where dur >= 0) where ts + dur > next",
    "thread on two CPUs":
        "select utid, ts, dur, cpu, next from (select utid, ts, dur, cpu, lead(ts) over"
        " (partition by utid order by ts) as next from sched where dur >= 0 and utid not in"
        " (select utid from thread where tid = 0)) where ts + dur > next",
    "thread state without a name": "select id from thread_state where state is null",
    "wake-up of a thread that was awake": "select * from spurious_sched_wakeup",
    "wake-up without a waker":
        "select ts, utid from thread_state where state = 'R' and waker_id is null",
    "flow backwards":
        "select b.name, b.ts, e.name, e.ts from flow join slice b on b.id = slice_out"
        " join slice e on e.id = slice_in where e.ts < b.ts + b.dur",
}

# What of which there must be as much in the tables as read_packets() counts in the file.
COUNTS = {
    "sched_switch": "select count(*) from ftrace_event where name = 'sched_switch'",
    "sched_waking": "select count(*) from ftrace_event where name = 'sched_waking'",
    "slices": "select count(*) from slice where name not like 'IRQ %'",
    "values": "select count(*) from counter",
    "flow_ends": "select count(*) from flow",
}


def read_packets(trace: Path) -> Counter:
    """Counts what stands in the file; fails on broken framing."""
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

    message = Trace()
    message.ParseFromString(trace.read_bytes())  # raises on a file that ends inside a packet
    counts: Counter = Counter()
    for packet in message.packet:
        for event in packet.ftrace_events.event:
            assert event.HasField("pid"), "an ftrace event without pid is dropped in silence"
            counts[event.WhichOneof("event")] += 1
        if packet.HasField("ftrace_events"):
            assert packet.ftrace_events.HasField("cpu")
        if packet.HasField("track_event"):
            counts["slices"] += packet.track_event.type in (BEGIN, INSTANT)
            counts["values"] += packet.track_event.type == COUNTER
            counts["values"] += len(packet.track_event.extra_counter_values)
            counts["flow_ends"] += len(packet.track_event.terminating_flow_ids)
    return counts


def count_problems(trace: Path, read: list[int]) -> list[str]:
    """What stands in the file and not in the tables; `read` are the answers to COUNTS."""
    written = read_packets(trace)
    pairs = zip(COUNTS, [written[name] for name in COUNTS], read, strict=True)
    return [f"{name}: {wrote} written, {got} in the tables" for name, wrote, got in pairs
            if wrote != got]


def stat_problems(rows: list[tuple], allowed: tuple[str, ...] = ()) -> list[str]:
    return [f"stats: {name}[{index}] = {value} ({severity})" for name, index, severity, value in rows
            if (severity != "info" or name in LOSS_COUNTERS) and name not in allowed]


def trace_problems(trace: Path, ask: Ask, allowed: tuple[str, ...] = ()) -> list[str]:
    """All that is wrong with a trace; `allowed` names counters of planted faults."""
    answers = ask(trace, [STATS, LOG, *COUNTS.values(), *ODDITIES.values()])
    counts, oddities = answers[2:2 + len(COUNTS)], answers[2 + len(COUNTS):]
    problems = stat_problems(answers[0], allowed)
    if not allowed:
        problems += [f"import log: {row}" for row in answers[1]]
    for name, rows in zip(ODDITIES, oddities, strict=True):
        if rows:
            problems.append(f"{name}: {len(rows)} times, first {rows[0]}")
    return problems + count_problems(trace, [rows[0][0] for rows in counts])
