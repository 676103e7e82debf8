# SPDX-License-Identifier: Apache-2.0
"""Where the samples of each benchmark lie in the capture of its run, so that a figure leads to its timeline.

    run["places"] = collect(launcher, capture, run["figures"])

By the id of the thread that measured: `all`, from its first to its last call, or as long as it existed where
it made none, and for calls the two that are worth a look, `median` and `slowest`, each with a little of what
was before and after it; in nanoseconds, as all trace commands print them. `tracks` names its tracks and its
server's, for `weft view --tracks`. Warm-up does not count, as in the figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.bench.launcher import Launcher

ROOM = 4  # a call is shown with a quarter of its length before and behind it

Span = tuple[int, int]


def collect(launcher: Launcher, capture: Path, figures: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """See the module; empty where the capture has none of the threads."""
    wanted = {figure["params"]["thread"]: figure["params"] for figure in figures if "thread" in figure["params"]}
    lives: dict[int, Span] = {}
    for start, end, thread in launcher.table(capture, "schedule", ("start", "end", "thread")):
        if thread in wanted:
            first, last = lives.get(thread, (start, end))
            lives[thread] = min(first, start), max(last, end)
    calls: dict[int, list[Span]] = {}
    for client, server, enter, resume, one_way, aborted in launcher.table(
        capture, "messages", ("client", "server", "enter", "resume", "one_way", "aborted")
    ):
        if client in wanted and server == wanted[client].get("server_thread") and not one_way and not aborted:
            calls.setdefault(client, []).append((enter, resume))
    names = {thread["thread"]: thread["name"] for thread in launcher.stat(capture).get("threads", ())}
    return {
        str(thread): {**_spans(lives[thread], sorted(calls.get(thread, []))[wanted[thread].get("warmup", 0) :]),
                      "tracks": _tracks(names, wanted[thread])}
        for thread in lives
    }  # fmt: skip


def _spans(life: Span, calls: list[Span]) -> dict[str, Span]:
    if not calls:
        return {"all": life}
    by_length = sorted(calls, key=lambda call: call[1] - call[0])
    median, slowest = by_length[(len(calls) - 1) // 2], by_length[-1]
    whole = (calls[0][0], max(end for _, end in calls))
    return {"all": whole, "median": _with_room(median), "slowest": _with_room(slowest)}


def _with_room(call: Span) -> Span:
    room = max(1, (call[1] - call[0]) // ROOM)
    return max(0, call[0] - room), call[1] + room


def _tracks(names: dict[int, str], params: dict[str, Any]) -> list[str]:
    """Of the thread that measured and of its server: `NAME ID*`, with a `?` for what means something there."""
    threads = [params[key] for key in ("thread", "server_thread") if params.get(key) in names]
    plain = {thread: "".join(c if c.isalnum() or c in "._-/ " else "?" for c in names[thread]) for thread in threads}
    return [f"{plain[thread]} {thread}*" for thread in threads]
