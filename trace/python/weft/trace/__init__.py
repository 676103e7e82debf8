# SPDX-License-Identifier: Apache-2.0
"""Captures as NumPy arrays.

    import weft.trace
    capture = weft.trace.load("out/bench/trace.weft")
    records = capture.events(cpu=0)             # a view of the file: nothing is copied
    switches = records[records["id"] == weft.trace.EVENT_ID["switch"]]
    for event in capture:                       # all CPUs in the order of time, as objects
        print(event.time, event.cpu, event.name, event.fields)

`events(cpu)` and `life(cpu)` are structured arrays with the columns word0, payload, id, small, a, b
(weft_trace_schema.RECORD) straight from the mapped file, PAGE records in their places.
`times(records)` gives their times in ticks without the 48-bit wrap, `nanoseconds(ticks)` converts.
`table(name)` gives what happened as rows, also as a structured array; `frame(name)` the same for pandas
and `to_parquet(folder)` for everything else (weft.trace.tables has the columns).
The heavy questions (statistics, latency, checks) are answered by weft-trace, written in C; this is for
questions of one's own.
"""

from weft.trace.capture import Capture, CaptureError, load
from weft.trace.events import ENUMS, EVENT_ID, EVENT_NAME, Event
from weft.trace.names import Names
from weft.trace.tables import STAGES, TABLES, TableError, stages, states

__all__ = ["ENUMS", "EVENT_ID", "EVENT_NAME", "STAGES", "TABLES", "Capture", "CaptureError", "Event",
           "Names", "TableError", "load", "stages", "states"]
