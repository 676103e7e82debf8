# SPDX-License-Identifier: Apache-2.0
"""The suite `ipc` with the real kernel: every form and place is there, and the figures make sense together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from weft.bench.catalogue import Catalogue, Suite
from weft.bench.results import check_results
from weft.paths import ROOT

Weft = Callable[..., Any]
FOUND_OUT = {"warmup", "timestamp_cost", "thread", "server_thread"}
SAMPLES = ("--set", "samples=200", "--set", "warmup=100")

# How many records of a name there are with one CPU and with four.
RECORDS = {
    "ipc.call.words": (9, 18), "ipc.call.bulk": (5, 10), "ipc.call.capability": (3, 6),
    "ipc.call.same_process": (1, 2), "ipc.call.timed": (1, 2), "ipc.call.refused": (1, 2),
    "ipc.send": (1, 2), "ipc.call.many_to_one.share": (0, 3), "ipc.call.loaded_target": (0, 2),
    "ipc.pipeline.stage": (4, 8), "channel.latency": (1, 3), "channel.throughput": (10, 20), "storm": (6, 6),
}  # fmt: skip

SAME, CROSS = {"client_cpu": 0, "server_cpu": 0}, {"client_cpu": 0, "server_cpu": 1}


class Figures:
    """The results of one run, by name and parameters."""

    def __init__(self, weft: Weft, out: Path, cpus: int, *more: str) -> None:
        arguments = ("--suite", "ipc", "--accel", "icount", "--cpus", str(cpus), *SAMPLES, *more)
        done = weft("bench", "--out", str(out), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((out / "results.json").read_text())
        check_results(results)
        (self.run,) = results["runs"]
        self.details = json.loads((out / "details.json").read_text())["runs"][0]

    def all(self, name: str, **wanted: Any) -> list[dict[str, Any]]:
        return [
            result
            for result in self.run["results"]
            if result["name"] == name and wanted.items() <= result["params"].items()
        ]

    def p50(self, name: str, **wanted: Any) -> int:
        (result,) = self.all(name, **wanted)
        return int(result["p50"])


@pytest.fixture(scope="module")
def four(build: Any, weft: Weft, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(weft, tmp_path_factory.mktemp("four"), 4)


@pytest.fixture(scope="module")
def one(build: Any, weft: Weft, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return Figures(weft, tmp_path_factory.mktemp("one"), 1)


def test_every_question_is_answered_at_every_place(one: Figures, four: Figures) -> None:
    catalogue = Catalogue.load(ROOT / "bench")
    suite = Suite.load(ROOT / "bench", "ipc")
    for figures, cpus in ((one, 1), (four, 4)):
        there = {result["name"] for result in figures.run["results"]}
        assert there == set(suite.wanted(catalogue, cpus, trace=True))
    assert {name: (len(one.all(name)), len(four.all(name))) for name in RECORDS} == RECORDS


def test_no_two_records_of_a_run_are_the_same(four: Figures) -> None:
    keys = [
        (result["name"], *sorted((k, v) for k, v in result["params"].items() if k not in FOUND_OUT))
        for result in four.run["results"]
    ]
    assert len(keys) == len(set(keys))


def test_what_is_carried_costs(four: Figures) -> None:
    for place in (SAME, CROSS):
        words = [four.p50("ipc.call.words", words=count, **place) for count in range(9)]
        assert words == sorted(words) and words[0] < words[4] < words[8]
        bulk = [four.p50("ipc.call.bulk", bytes=size, **place) for size in (0, 64, 256, 1024, 4096)]
        assert all(less < more for less, more in zip(bulk, bulk[1:], strict=False))
        rates = [four.p50("ipc.call.bulk.per_kib", bytes=size, **place) for size in (64, 256, 1024, 4096)]
        assert all(less > more for less, more in zip(rates, rates[1:], strict=False))
        capabilities = [four.p50("ipc.call.capability", capabilities=count, **place) for count in (0, 1, 4)]
        assert capabilities[0] == bulk[0] < capabilities[1] < capabilities[2]


def test_the_forms_stand_in_their_order(four: Figures) -> None:
    plain, cross = four.p50("ipc.call.same_core"), four.p50("ipc.call.cross_core")
    for place, call in ((SAME, plain), (CROSS, cross)):
        assert four.p50("ipc.call.same_process", **place) <= call
        assert call <= four.p50("ipc.call.non_blocking", **place) <= four.p50("ipc.call.timed", **place)
        assert four.p50("ipc.call.refused", **place) < four.p50("ipc.call.non_blocking", **place)
    assert four.p50("ipc.notify.signal", to_cpu=0) < four.p50("ipc.notify.same_process")
    assert four.p50("ipc.notify.same_process") <= four.p50("ipc.notify.same_core")
    assert four.p50("ipc.notify.same_core") < four.p50("ipc.notify.round_trip") < cross
    assert four.p50("ipc.send.one_way", to_cpu=1) < cross
    for cpu in (0, 1):
        one_way, timed, refused = (four.p50(f"ipc.send.{form}", to_cpu=cpu) for form in ("one_way", "timed", "refused"))
        assert one_way < four.p50("ipc.send.non_blocking", to_cpu=cpu) <= timed
        assert refused == pytest.approx(four.p50("ipc.call.refused", server_cpu=cpu), rel=0.05)


def test_targets_and_crowds(four: Figures) -> None:
    cross = four.p50("ipc.call.cross_core")
    assert cross < four.p50("ipc.call.halted_target") < four.p50("ipc.call.loaded_target", load="lower")
    assert four.p50("ipc.call.loaded_target", load="equal") > 10_000_000, "less than a time slice"
    assert four.p50("ipc.notify.cross_core") < four.p50("ipc.notify.halted_target")
    alone = four.p50("ipc.call.many_to_one", clients=1)
    for clients in (2, 3):
        share = four.p50("ipc.call.many_to_one.share", clients=clients)
        assert 0.8 * cross < share <= 1.05 * alone, (clients, share, alone)
        assert four.p50("ipc.call.many_to_one", clients=clients) > (clients - 0.5) * share
    same = four.p50("ipc.call.same_core")
    assert same < four.p50("ipc.call.all_to_all.share") < 1.5 * cross


def test_channels_are_for_streams(four: Figures) -> None:
    """A message of a stream is cheaper than a call, and a batch cheaper still; a round trip is not."""
    send, call = four.p50("ipc.send", to_cpu=1), four.p50("ipc.call.cross_core")
    for cpu in (0, 1):
        for size in (16, 64, 256, 1024, 4096):
            alone, batch = (
                four.p50("channel.throughput", bytes=size, to_cpu=cpu, batch=count) for count in (1, 16)
            )
            assert batch < alone
        alone = four.p50("channel.throughput", bytes=64, to_cpu=cpu, batch=1)
        assert 2 * alone < min(send, call)
        by_call = four.p50("ipc.call.bulk.per_kib", bytes=4096, server_cpu=cpu)
        assert four.p50("channel.throughput.per_kib", bytes=4096, to_cpu=cpu, batch=16) < by_call
    assert four.p50("channel.latency", to_cpu=0) > four.p50("ipc.call.same_core")
    polled, slept = (four.p50("channel.latency", to_cpu=1, polls=polls) for polls in (10000, 0))
    assert polled < slept


def test_a_pipeline_costs_what_its_stages_cost(one: Figures, four: Figures) -> None:
    for figures in (one, four):
        call = figures.p50("ipc.call.same_core")
        for stages in (1, 2, 4, 8):
            assert figures.p50("ipc.pipeline.stage", stages=stages, server_cpus=1) == pytest.approx(call, rel=0.05)
    across = [four.p50("ipc.pipeline", stages=stages, server_cpus=4) for stages in (1, 2, 4, 8)]
    assert across == sorted(across) and across[0] == pytest.approx(four.p50("ipc.call.cross_core"), rel=0.05)


def test_a_storm_by_channels_is_cheaper_than_by_messages(one: Figures, four: Figures) -> None:
    for figures in (one, four):
        for groups in (1, 2, 4):
            by_ipc, by_channel = (figures.p50("storm", by=by, groups=groups) for by in ("ipc", "channel"))
            assert 100 < by_channel < by_ipc < 2 * four.p50("ipc.call.cross_core")


def test_guest_and_trace_agree_in_a_capture_with_all_forms(four: Figures) -> None:
    calls = four.details["agreement"]["calls"]
    assert {"ipc.call.same_core", "ipc.call.cross_core", "ipc.call.pairs"} <= set(calls)
    stages = four.details["stages"]
    for name in ("ipc.call.words", "ipc.call.same_process", "ipc.call.timed", "ipc.call.halted_target"):
        assert stages[name]["messages"] == stages[name]["calls"] == 300


def test_the_figures_are_the_same_again(weft: Weft, four: Figures, tmp_path: Path) -> None:
    assert Figures(weft, tmp_path, 4).run["results"] == four.run["results"]


# What docs/ipc.md says stands in brackets: a name and, where there are several records, the value of this.
TOLD_BY = {
    "ipc.call.words": ("words", 4), "ipc.call.bulk": ("bytes", None), "ipc.call.capability": ("capabilities", None),
    "channel.throughput": ("bytes", None),
}  # fmt: skip


def test_the_manual_says_what_is_measured(build: Any, weft: Weft, tmp_path: Path) -> None:
    """Its figures may be a little old, not more than a tenth off."""
    figures = Figures(weft, tmp_path, 2, "--no-trace")
    rows = re.findall(
        r"\(`([\w.]+)`(?: (\d+))?\) \| ([\d,]+) \| ([\d,]+) \|", (ROOT / "docs" / "ipc.md").read_text()
    )
    assert len(rows) == 11
    stale = {}
    for name, value, *told in rows:
        key, otherwise = TOLD_BY.get(name, ("", None))
        chosen = {key: int(value) if value else otherwise} if key else {}
        chosen |= {"batch": 1} if name.startswith("channel") else {}
        place = "server_cpu" if name.startswith("ipc.call") else "to_cpu"
        for cpu, said in enumerate(int(number.replace(",", "")) for number in told):
            found = figures.p50(name, **chosen, **{place: cpu})
            if abs(said - found) > found / 10:
                stale[f"{name} {value} {place}={cpu}"] = (said, found)
    assert stale == {}, "docs/ipc.md's figures are old (said, measured)"
    polled = re.search(r"`ipc.notify.poll`: ([\d,]+)", (ROOT / "docs" / "ipc.md").read_text())
    assert polled and int(polled[1].replace(",", "")) == pytest.approx(figures.p50("ipc.notify.poll"), rel=0.1)
