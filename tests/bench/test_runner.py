# SPDX-License-Identifier: Apache-2.0
"""`weft bench` from arguments to files, with a machine that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_fakes import CENTRES, TRACE_ONLY, FakeLauncher, console, json_line, record
from weft.bench.command import main
from weft.bench.results import check_results

NAMES = {*CENTRES, "ipc.call.matrix"}
RUN_KEYS = {"arch", "cpus", "accel", "qemu", "cpu_model", "profile", "commit", "results"}
RESULT_KEYS = {"name", "unit", "n", "min", "p50", "p90", "p99", "p999", "max", "params"}


def load(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def test_both_modes_deliver_all_names_in_their_units(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)], FakeLauncher()) == 0
    results = load(tmp_path)
    assert set(results) == {"schema", "runs"}
    assert results["schema"] == "weft-results-1"
    assert [run["accel"] for run in results["runs"]] == ["icount", "tcg"]
    for run in results["runs"]:
        assert set(run) == RUN_KEYS
        assert all(set(result) == RESULT_KEYS for result in run["results"])
        units = ("instructions",) if run["accel"] == "icount" else ("cycles", "ns")
        assert {(result["name"], result["unit"]) for result in run["results"]} == {
            (name, unit) for name in NAMES for unit in units
        }


def test_every_file_is_there_and_the_parallel_run_is_the_main_timeline(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)], FakeLauncher()) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json",
        "details.json",
        "report.html",
        "report.md",
        "results.csv",
        "trace.weft",
        "trace.pftrace",
        "trace-icount.weft",
        "trace-icount.pftrace",
        "console-icount.log",
        "console-tcg.log",
        "command-icount.txt",
        "command-tcg.txt",
        "boots.jsonl",
    }
    details = json.loads((tmp_path / "details.json").read_text())
    assert {run["accel"]: run["capture"] for run in details["runs"]} == {
        "icount": "trace-icount.weft",
        "tcg": "trace.weft",
    }
    assert (tmp_path / "command-tcg.txt").read_text() == "qemu-system-x86_64 -smp 4\n"


def test_one_mode_alone_owns_the_main_timeline(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--accel", "icount"], FakeLauncher()) == 0
    assert (tmp_path / "trace.weft").exists()
    assert not (tmp_path / "trace-icount.weft").exists()


def test_without_tracing_there_are_no_trace_figures_and_no_capture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = FakeLauncher()
    assert main(["--out", str(tmp_path), "--no-trace"], launcher) == 0
    assert launcher.prepared == [False]
    assert all(plan.capture is None and "trace_ring" not in plan.command_line for plan in launcher.plans)
    names = {result["name"] for run in load(tmp_path)["runs"] for result in run["results"]}
    assert names == NAMES - set(TRACE_ONLY)
    assert not list(tmp_path.glob("*.weft"))
    assert "without tracing" in capsys.readouterr().out


def test_old_files_do_not_outlive_a_failed_run_and_foreign_ones_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert main(["--out", str(tmp_path)], FakeLauncher()) == 0
    assert main(["--out", str(tmp_path)], FakeLauncher(kind="timeout", reason="no end within 120 s")) == 1
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "trace.pftrace").exists()
    assert (tmp_path / "console-icount.log").exists()
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "panic", "reason": "the kernel panicked"}, "icount: the kernel panicked"),
        (
            {"console": {"tcg": console("tcg", trace=False)}},
            "tcg: the guest delivered no trace.event.on, trace.event.off",
        ),
        (
            {"console": {"icount": [*console("icount"), '@weft {"record":"bench","name":"x"}']}},
            "icount: bad record: x: unknown unit",
        ),
        ({"console": {"tcg": console("tcg")[2:]}}, "clock_hz"),
    ],
)
def test_a_failure_is_one_line_that_says_where_the_log_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict, words: str
) -> None:
    assert main(["--out", str(tmp_path)], FakeLauncher(**change)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("weft bench: ")
    assert words in last
    if "clock_hz" not in words:
        assert f"{tmp_path}/console-" in last


def test_a_panic_shows_the_end_of_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [*console("icount")[:4], "weft: PANIC: the ring is upside down"]
    launcher = FakeLauncher(console={"icount": lines}, kind="panic", reason="the kernel panicked")
    assert main(["--out", str(tmp_path)], launcher) == 1
    assert "    weft: PANIC: the ring is upside down\n" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--cpus", "0"], ["--cpus", "256"], ["--cpus", "-3"]])
def test_absurd_numbers_of_cpus_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    launcher = FakeLauncher()
    assert main(["--out", str(tmp_path), *arguments], launcher) == 2
    assert launcher.plans == []


def test_an_unknown_suite_is_refused_with_those_that_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--suite", "../../etc"], FakeLauncher()) == 1
    assert "no suite '../../etc' (there are: " in capsys.readouterr().err


def test_one_cpu_needs_no_cross_core_figures(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--cpus", "1"], FakeLauncher()) == 0
    names = {result["name"] for run in load(tmp_path)["runs"] for result in run["results"]}
    assert "ipc.call.cross_core" not in names
    assert "ipc.call.same_core" in names


def test_repetitions_are_interleaved_and_only_the_last_is_captured(tmp_path: Path) -> None:
    launcher = FakeLauncher(vary=True)
    assert main(["--out", str(tmp_path), "--runs", "3"], launcher) == 0
    assert [plan.mode for plan in launcher.plans] == ["icount", "tcg"] * 3
    assert [plan.capture is not None for plan in launcher.plans] == [False] * 4 + [True] * 2
    tcg = load(tmp_path)["runs"][1]["results"]
    assert {result["n"] for result in tcg} == {3000, 600}  # of the matrix 200 each
    assert (tmp_path / "console-tcg-2.log").exists()


def test_icount_repetitions_that_differ_are_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Wobbly(FakeLauncher):
        def boot(self, plan, on_line):
            self.console = {
                "icount": [
                    line
                    if "syscall.null" not in line
                    else record("syscall.null", [96 + len(self.plans)] * 10)
                    for line in console("icount")
                ]
            }
            return super().boot(plan, on_line)

    assert main(["--out", str(tmp_path), "--accel", "icount", "--runs", "2"], Wobbly()) == 1
    assert "icount: syscall.null {}: repetitions differ in min, p50" in capsys.readouterr().err


def test_parameters_reach_the_guest(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    assert main(["--out", str(tmp_path), "--set", "iterations=77"], launcher) == 0
    assert all("iterations=77" in plan.command_line.split() for plan in launcher.plans)
    assert all(plan.command_line.startswith("trace_ring=") for plan in launcher.plans)


def test_pairs_of_cpus_stay_apart_by_their_parameters(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--accel", "tcg", "--runs", "2"], FakeLauncher(vary=True)) == 0
    found = [
        (result["params"]["client_cpu"], result["params"]["server_cpu"], result["n"])
        for result in load(tmp_path)["runs"][0]["results"]
        if result["name"] == "ipc.call.matrix" and result["unit"] == "ns"
    ]
    assert sorted(found) == [(client, server, 400) for client in range(4) for server in range(4)]


def test_a_stream_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launcher = FakeLauncher(lost_events=7)
    launcher.console["tcg"] = console("tcg", 4, True) + [
        record(name, [900 + sample for sample in range(50)]) for name in ("ipc.call.pairs", "ipc.call.pairs.share")]
    assert main(["--out", str(tmp_path), "--suite", "trace-stream"], launcher) == 0
    assert [plan.stream for plan in launcher.plans] == [True]
    assert "streamed  1,500 events in a boot of 3.2 s, 7 lost, 0 MB" in capsys.readouterr().out


def test_rings_share_the_memory_that_the_suite_gives_them(tmp_path: Path) -> None:
    few, many = FakeLauncher(), FakeLauncher()
    assert main(["--out", str(tmp_path), "--cpus", "4"], few) == 0
    assert main(["--out", str(tmp_path), "--cpus", "16"], many) == 0
    assert few.plans[0].command_line.split()[0] == "trace_ring=16777216"
    assert many.plans[0].command_line.split()[0] == "trace_ring=4194304"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.update(schema="weft-results-2"),
        lambda data: data.update(extra=1),
        lambda data: data["runs"][0].pop("commit"),
        lambda data: data["runs"][0].update(cpus="4"),
        lambda data: data["runs"][0]["results"][0].pop("p999"),
        lambda data: data["runs"][0]["results"][0].update(histogram=[]),
        lambda data: data["runs"][0]["results"][0].update(p50=0.5),
        lambda data: data["runs"][0]["results"][0].update(n=0),
        lambda data: data["runs"][0]["results"][0].update(min=10**9),
    ],
)
def test_the_schema_refuses_damaged_results(tmp_path: Path, damage) -> None:
    from weft.bench.errors import BenchError

    assert main(["--out", str(tmp_path)], FakeLauncher()) == 0
    data = load(tmp_path)
    check_results(data)
    damage(data)
    with pytest.raises(BenchError):
        check_results(data)


def test_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "below")], FakeLauncher()) == 1
    assert "cannot write to" in capsys.readouterr().err


def test_other_records_are_kept_for_the_report(tmp_path: Path) -> None:
    lines = [*console("tcg"), json_line({"record": "messages", "count": 12})]
    assert main(["--out", str(tmp_path), "--accel", "tcg"], FakeLauncher(console={"tcg": lines})) == 0
    details = json.loads((tmp_path / "details.json").read_text())
    assert {"record": "messages", "count": 12} in details["runs"][0]["others"]


def test_calls_that_the_trace_does_not_show_are_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.replace('"calls": 1000', '"calls": 1001') for line in console("tcg")]
    arguments = ["--out", str(tmp_path), "--accel", "tcg"]
    assert main(arguments, FakeLauncher(console={"tcg": lines})) == 1
    assert "the guest made 1001 calls, the trace shows 1000" in capsys.readouterr().err
    assert main(arguments, FakeLauncher(console={"tcg": lines}, lost_events=5)) == 0


def test_the_stages_of_a_call_come_from_its_own_run(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)], FakeLauncher()) == 0
    details = json.loads((tmp_path / "details.json").read_text())
    for run in details["runs"]:
        for name, stages in run["stages"].items():
            figure = next(figure for figure in run["figures"] if figure["name"] == name)
            assert stages["round_trip"]["p50"] == figure["p50"]
            assert stages["messages"] == stages["calls"] == 1000
        assert set(run["stages"]) == {"ipc.call.same_core", "ipc.call.cross_core"}


def test_with_repetitions_the_stages_are_those_of_the_kept_trace(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--accel", "tcg", "--runs", "3"], FakeLauncher(vary=True)) == 0
    (run,) = json.loads((tmp_path / "details.json").read_text())["runs"]
    assert set(run["stages"]) == {"ipc.call.same_core", "ipc.call.cross_core"}


@pytest.mark.parametrize(
    "arguments",
    [["--bogus"], ["--cpus", "many"], ["--accel", "vax"], ["--runs", "0"], ["--set", "x"], ["extra"]],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["--out", str(tmp_path), *arguments], FakeLauncher()) == 2
    error = capsys.readouterr().err
    assert error.startswith("weft bench: ") and error.count("\n") == 1
