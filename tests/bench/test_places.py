# SPDX-License-Identifier: Apache-2.0
"""Where a benchmark is in its capture, from the tables of a trace tool that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weft.bench import places

CAPTURE = Path("trace.weft")


class Tool:
    """Two threads that measured, one of them by calls, and others."""

    schedule = [(100, 200, 7), (250, 300, 7), (5, 1000, 1), (400, 900, 8), (300, 390, 9)]
    messages = [  # client, server, enter, resume, one_way, aborted
        (8, 9, 410, 450, 0, 0),  # warm-up
        (8, 9, 500, 540, 0, 0), (8, 9, 600, 616, 0, 0), (8, 9, 700, 740, 0, 0), (8, 9, 760, 860, 0, 0),
        (8, 9, 870, 1870, 0, 1), (8, 3, 870, 2870, 0, 0), (7, 9, 1, 2, 1, 0),
    ]  # fmt: skip

    def table(self, capture: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
        assert capture == CAPTURE
        wanted = {"schedule": 3, "messages": 6}[name]
        assert len(columns) == wanted
        return iter(getattr(self, name))

    def stat(self, _capture: Path) -> dict[str, Any]:
        return {"threads": [{"thread": 7, "name": "plain"}, {"thread": 8, "name": "a*b,c"}, {"thread": 9, "name": "server"}]}


def figure(**params: int) -> dict[str, Any]:
    return {"name": "a", "params": params}


def test_a_benchmark_without_calls_is_where_its_thread_lived() -> None:
    found = places.collect(Tool(), CAPTURE, [figure(thread=7), figure(thread=99), figure()])
    assert found == {"7": {"all": (100, 300), "tracks": ["plain 7*"]}}


def test_calls_are_from_the_first_behind_the_warm_up_to_the_last_and_two_stand_out() -> None:
    found = places.collect(Tool(), CAPTURE, [figure(thread=8, server_thread=9, warmup=1)])
    assert found["8"]["all"] == (500, 860)
    assert found["8"]["median"] == (490, 550)  # 40 long, a quarter more on each side
    assert found["8"]["slowest"] == (735, 885)


def test_names_of_tracks_hold_nothing_that_means_something_else_there() -> None:
    found = places.collect(Tool(), CAPTURE, [figure(thread=8, server_thread=9)])
    assert found["8"]["tracks"] == ["a?b?c 8*", "server 9*"]
