# SPDX-License-Identifier: Apache-2.0
"""Where the time of a call goes: the stages of its round trip, from the capture of the same run.

    collect(latency, figures, counts)     # what weft-trace latency --json says, joined with figures

The trace tool groups messages by client and server thread; a benchmark's record names both, so each
call benchmark finds its own messages. All of its calls are in it, those of the warm-up too. The
guest's own count of its calls stands beside the number of messages in the trace: if the two differ
without lost events, one of them is wrong, and the run fails.
"""

from __future__ import annotations

from typing import Any

from weft.bench.errors import BenchError

# Each stage with the side on which it passes: client, crossing or server.
STAGES = {
    "entry": ("client", "into the kernel, up to the accepted call"),
    "enqueue": ("client", "from the call to the push into the server's mailbox"),
    "doorbell": ("crossing", "from the push until the server's CPU takes the message"),
    "wakeup": ("server", "from taking the message to its delivery, with any queueing"),
    "dispatch": ("server", "from the delivery until the server runs"),
    "service": ("server", "the server at work, up to its answer"),
    "reply": ("crossing", "from the answer until it is on the client's CPU"),
    "resume": ("client", "from there until the client runs"),
}


def collect(
    latency: dict[str, Any], figures: list[dict[str, Any]], others: list[dict[str, Any]]
) -> dict[str, Any]:
    """For each call benchmark: counted calls, messages seen, and the distributions of the stages."""
    paths: dict[tuple[int, int], dict[str, Any]] = {}
    for path in latency["paths"]:
        paths.setdefault((path["client"]["thread"], path["server"]["thread"]), path)
    counted = {record["thread"]: record["calls"] for record in others if record.get("record") == "counts"}
    found: dict[str, Any] = {}
    for figure in figures:
        client, server = figure["params"].get("thread"), figure["params"].get("server_thread")
        path = paths.get((client, server))
        if server is None or path is None:
            continue
        calls = counted.get(client)
        if not latency["lost_events"] and calls is not None and calls != path["n"]:
            raise BenchError(f"{figure['name']}: the guest made {calls} calls, the trace shows {path['n']}")
        found.setdefault(
            figure["name"],
            {
                "calls": calls,
                "messages": path["n"],
                "round_trip": _distribution(path),
                "stages": {name: _distribution(path["stages"][name]) for name in STAGES},
            },
        )
    return found


def _distribution(data: dict[str, Any]) -> dict[str, int]:
    return {key: data[key] for key in ("min", "p50", "p90", "p99", "p999", "max")}
