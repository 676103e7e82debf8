# SPDX-License-Identifier: Apache-2.0
"""The guest's records: what is taken, and what is refused with which words."""

from __future__ import annotations

import json

import pytest
from bench_fakes import CLOCK_HZ, json_line, record, samples
from weft.bench.errors import BenchError
from weft.bench.figures import combine, differing, pair_of, publish
from weft.bench.records import BadRecord, BenchRecord, RecordCollector

GOOD = {
    "record": "bench",
    "name": "x",
    "unit": "cycles",
    "n": 4,
    "min": 1,
    "p50": 2,
    "p90": 3,
    "p99": 3,
    "p999": 4,
    "max": 4,
    "params": {"cpu": 1},
    "histogram": [[1, 1], [2, 2], [4, 1]],
}


def parse(**changes: object) -> BenchRecord:
    return BenchRecord.parse({**GOOD, **changes})


def test_a_good_record_is_taken_as_it_is() -> None:
    assert parse().as_dict() == {key: value for key, value in GOOD.items() if key != "record"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "no name"),
        ({"name": 7}, "no name"),
        ({"unit": "parsecs"}, "unknown unit 'parsecs'"),
        ({"n": 0}, "n is 0"),
        ({"n": -1}, "n is -1"),
        ({"p50": 2.5}, "p50 is 2.5"),
        ({"p50": True}, "p50 is True"),
        ({"max": None}, "max is None"),
        ({"p90": 9}, "do not ascend"),
        ({"min": 3}, "do not ascend"),
        ({"params": []}, "params"),
        ({"histogram": {}}, "not a list"),
        ({"histogram": [[1]]}, "not [low, count]"),
        ({"histogram": [[2, 2], [1, 2]]}, "do not ascend"),
        ({"histogram": [[1, 2], [1, 2]]}, "do not ascend"),
        ({"histogram": [[1, 3]]}, "holds 3 of 4 samples"),
    ],
)
def test_an_impossible_record_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadRecord, match=words.replace("[", r"\[").replace("]", r"\]")):
        parse(**changes)


def test_the_collector_sorts_lines_and_keeps_problems() -> None:
    collector = RecordCollector()
    for line in [
        "weft: hello",
        "@weft",
        "@weft {",
        "@weft [1]",
        json_line({"record": "machine", "clock_hz": 5}),
        "@weft " + json.dumps(GOOD),
        "@weft " + json.dumps({**GOOD, "n": 0}),
        "# @weft {}",
    ]:
        collector.feed(line)
    assert [record.name for record in collector.benchmarks] == ["x"]
    assert collector.find("clock_hz") == 5
    assert collector.find("nothing") is None
    assert len(collector.problems) == 3
    assert "n is 0" in collector.problems[-1]


def test_icount_publishes_instructions_and_the_others_cycles_and_ns() -> None:
    base = parse(n=1, min=25, p50=25, p90=25, p99=25, p999=25, max=25, histogram=[[25, 1]])
    assert [(entry.unit, entry.p50) for entry in publish(base, "icount", None)] == [("instructions", 25)]
    assert [(entry.unit, entry.p50) for entry in publish(base, "tcg", CLOCK_HZ)] == [
        ("cycles", 25),
        ("ns", 10),
    ]


def test_cycles_without_a_clock_cannot_become_time() -> None:
    with pytest.raises(BenchError, match="clock_hz"):
        publish(parse(), "tcg", None)


def test_conversion_keeps_order_and_every_sample() -> None:
    line = record("syscall.null", samples("syscall.null", "tcg"))
    base = BenchRecord.parse(json.loads(line.removeprefix("@weft ")))
    in_ns = base.scaled("ns", 10**9, CLOCK_HZ)
    assert BenchRecord.parse({"record": "bench", **in_ns.as_dict()}) == in_ns


def test_repetitions_are_combined_by_the_stated_policy() -> None:
    one = parse(n=2, min=1, p50=10, p90=20, p99=20, p999=20, max=20, histogram=[[1, 1], [20, 1]])
    two = parse(n=2, min=5, p50=12, p90=30, p99=40, p999=40, max=90, histogram=[[1, 2]])
    three = parse(n=2, min=3, p50=50, p90=60, p99=60, p999=60, max=60, histogram=[[20, 2]])
    figure = combine([one, two, three])
    assert (figure.record.n, figure.record.min, figure.record.p50, figure.record.p90, figure.record.max) == (
        6,
        1,
        12,
        30,
        90,
    )
    assert figure.record.histogram == ((1, 3), (20, 3))
    assert (figure.repetitions, figure.p50_low, figure.p50_high) == (3, 10, 50)


def test_differing_names_the_statistics() -> None:
    assert differing([parse(), parse()]) == []
    assert differing([parse(), parse(p90=2)]) == ["p90"]


def test_the_pair_of_cpus_is_found_in_the_parameters() -> None:
    assert pair_of(parse(params={"client_cpu": 2, "server_cpu": 0})) == (2, 0)
    assert pair_of(parse(params={"client_cpu": 2})) is None
