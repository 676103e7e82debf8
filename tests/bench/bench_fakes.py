# SPDX-License-Identifier: Apache-2.0
"""A machine that is not there: replays consoles, so that the runner can be attacked without a kernel.

    launcher = FakeLauncher()                       # every benchmark of the default suite, all well
    launcher = FakeLauncher(console={"tcg": [...]}) # what one mode says instead
    launcher = FakeLauncher(kind="panic", reason="the kernel panicked")

The made-up figures are drawn from a seeded generator, so they look like a distribution and are the
same in every run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.bench.command import BENCH_ROOT
from weft.bench.launcher import BootOutcome, BootPlan, LineSink
from weft.bench.records import STATISTICS
from weft.bench.stages import STAGES

CLOCK_HZ = 2_500_000_000
CENTRES = {  # name: (icount, cycles in tcg)
    "syscall.null": (96, 900),
    "thread.switch": (240, 5_000),
    "ipc.call.same_core": (520, 30_000),
    "ipc.call.cross_core": (1_730, 62_000),
    "ipc.notify.same_core": (940, 41_000),
    "ipc.notify.same_core.two_calls": (1_350, 52_000),
    "ipc.notify.cross_core": (810, 39_000),
    "trace.event.on": (17, 120),
    "trace.event.off": (2, 6),
}
TRACE_ONLY = ("trace.event.on", "trace.event.off")
BETWEEN_CPUS = ("ipc.call.cross_core", "ipc.notify.cross_core")


def record(name: str, samples: list[int], unit: str = "cycles", **params: Any) -> str:
    """A guest's line for these samples."""
    ordered = sorted(samples)
    buckets: dict[int, int] = {}
    for value in ordered:
        low = value if value < 32 else (value >> (value.bit_length() - 5)) << (value.bit_length() - 5)
        buckets[low] = buckets.get(low, 0) + 1

    def rank(share: float) -> int:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    data = {
        "record": "bench",
        "name": name,
        "unit": unit,
        "n": len(ordered),
        "min": ordered[0],
        "p50": rank(0.5),
        "p90": rank(0.9),
        "p99": rank(0.99),
        "p999": rank(0.999),
        "max": ordered[-1],
        "params": params,
        "histogram": [list(bucket) for bucket in sorted(buckets.items())],
    }
    return "@weft " + json.dumps(data, separators=(",", ":"))


def samples(name: str, mode: str, seed: int = 1, n: int = 1000) -> list[int]:
    """Plausible samples: exact in icount mode, with a long tail elsewhere."""
    icount, cycles = CENTRES[name]
    if mode == "icount":
        return [icount] * n
    source = random.Random(f"{name} {seed}")
    return [
        int(cycles * source.lognormvariate(0.0, 0.25) * (12 if source.random() < 0.004 else 1))
        for _ in range(n)
    ]


def console(mode: str, cpus: int = 4, trace: bool = True, seed: int = 1) -> list[str]:
    """The whole console of a run that went well."""
    lines = ["weft: 4 CPUs", json_line({"record": "machine", "clock_hz": CLOCK_HZ})]
    for name in CENTRES:
        if name in TRACE_ONLY and not trace:
            continue
        if name in BETWEEN_CPUS and cpus < 2:
            continue
        params = {"client_cpu": 0, "server_cpu": 1} if name in BETWEEN_CPUS else {}
        if name.startswith("ipc.call"):
            params |= {"thread": 100 * seed + len(lines), "server_thread": 100 * seed + 50 + len(lines)}
            lines.append(
                json_line({"record": "counts", "name": name, "thread": params["thread"], "calls": 1000})
            )
        lines.append(record(name, samples(name, mode, seed), **params))
    for client in range(cpus):
        for server in range(cpus):
            name = "ipc.call.cross_core" if client != server else "ipc.call.same_core"
            values = samples(name, mode, seed * 100 + client * 8 + server, n=200)
            lines.append(record("ipc.call.matrix", values, client_cpu=client, server_cpu=server, thread=seed))
    return [*lines, "weft: off"]


def linux_console(names: list[str], factor: int = 10, seed: int = 1) -> list[str]:
    """What /init of the baseline says when it is asked these: `factor` times what Weft needs."""
    facts = {"idle": "hlt", "mwait": True, "mitigations": {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines; IBPB"}}
    lines = [json_line({"record": "guest", "system": "Linux 6.1.0-fake", "clock_hz": CLOCK_HZ, **facts})]
    for name in names:
        lines.append(record(name, [factor * value for value in samples("ipc.call.cross_core", "tcg", seed)]))
    return lines


def json_line(data: dict[str, Any]) -> str:
    """A record of any kind."""
    return "@weft " + json.dumps(data)


@dataclass
class FakeLauncher:
    """See the module."""

    console: dict[str, list[str]] = field(default_factory=dict)
    kind: str = "ok"
    reason: str = ""
    vary: bool = False  # every boot draws its own figures, as real parallelism does
    lost_events: int = 0
    kernel: str = "this one"
    boots_left: int = 1 << 30  # then the user interrupts
    plans: list[BootPlan] = field(default_factory=list)
    prepared: list[bool] = field(default_factory=list)

    def prepare(self, trace: bool, design: str = "mailbox") -> None:
        self.prepared.append(trace)

    def prepare_baseline(self) -> str:
        return "linux-image-fake_1_amd64"

    def identity(self, plan: BootPlan) -> str:
        return self.kernel

    def settle(self, accel: str) -> str:
        return "tcg" if accel == "auto" else accel

    def boot(self, plan: BootPlan, on_line: LineSink) -> BootOutcome:
        if len(self.plans) == self.boots_left:
            raise KeyboardInterrupt
        self.plans.append(plan)
        seed = len(self.plans) if self.vary else 1
        if plan.system == "linux":
            names = plan.command_line.rpartition("weft.only=")[2].split(",")
            lines = self.console.get("linux") or linux_console(names, seed=seed)
        else:
            lines = self._weft_lines(plan, seed)
        for line in lines:
            on_line(line)
        if plan.capture:
            plan.capture.write_text("\n".join(lines))
        return BootOutcome(
            kind=self.kind,
            reason=self.reason,
            seconds=3.25,
            command="qemu-system-x86_64 -smp 4",
            console=lines,
            qemu="7.2.22",
            arch="x86_64",
            profile="bench" if self.prepared[-1] else "bench-notrace",
        )

    def _weft_lines(self, plan: BootPlan, seed: int) -> list[str]:
        return self.console.get(plan.mode) or console(plan.mode, plan.cpus, self.prepared[-1], seed)

    def portable(self, plan: BootPlan) -> FakePortable:
        return FakePortable(self)

    def freight(self, plans: Sequence[BootPlan]) -> dict[str, bytes]:
        return {"kernel": b"no kernel"}

    def convert(self, capture: Path, out: Path) -> None:
        out.write_bytes(capture.read_bytes())

    def stat(self, capture: Path) -> dict[str, Any]:
        return {"cpus": [{"events": 1000, "lost": self.lost_events}, {"events": 500, "lost": 0}]}

    def latency(self, capture: Path) -> dict[str, Any]:
        """What the trace tool would say of the calls in the console: equal shares for each stage."""
        records = [json.loads(line[6:]) for line in capture.read_text().splitlines() if line.startswith("@weft ")]
        paths = []
        for call in records:
            if "server_thread" in call.get("params", {}):
                shares = {key: call[key] // len(STAGES) for key in STATISTICS}
                client, server = call["params"]["thread"], call["params"]["server_thread"]
                paths.append(
                    {
                        "client": {"thread": client},
                        "server": {"thread": server},
                        "n": call["n"],
                        **{key: call[key] for key in STATISTICS},
                        "stages": {stage: shares for stage in STAGES},
                    }
                )
        return {"messages": 1, "lost_events": self.lost_events, "stage_sum_mismatches": 0, "paths": paths}

    def table(self, capture: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """The guest that is not there has written nothing into its trace."""
        return iter(())


@dataclass(frozen=True)
class FakePortable:
    """The machine that is not there, on another machine."""

    launcher: FakeLauncher

    def boot(self, plan: BootPlan, folder: Path) -> BootOutcome:
        assert (folder / "kernel").read_bytes() == b"no kernel"
        return self.launcher.boot(plan, lambda line: None)


def lab(folder: Path, **suites: str) -> Path:
    """A bench/ with these suites, and a catalogue of what the fake console says."""
    root = folder / "lab"
    for name in ("suites", "catalogue", "linux"):
        (root / name).mkdir(parents=True)
    (root / "reference").symlink_to(BENCH_ROOT / "reference")
    ours = [_row(name, name in BETWEEN_CPUS, name in TRACE_ONLY) for name in CENTRES]
    (root / "catalogue" / "ours.toml").write_text("".join([*ours, _row("ipc.call.matrix", False, False) + "matrix = true\n"]))
    pipe = _row("linux.pipe.cross_core", True, False) + 'against = ["ipc.call.cross_core"]\n'
    (root / "linux" / "benchmarks.toml").write_text(pipe)
    for name, text in suites.items():
        (root / "suites" / f"{name}.toml").write_text(text)
    return root


def _row(name: str, two: bool, trace: bool) -> str:
    return f'[[benchmark]]\nname = "{name}"\ntimed = "nothing"\nneeds_cpus = {1 + two}\nneeds_trace = {str(trace).lower()}\n'


def suite(select: str, more: str = "", modes: str = '["icount"]', head: str = "") -> str:
    """The text of a small suite."""
    return f"""
[suite]
title = "made up"
select = {select}
modes = {modes}
cpus = 4
memory = "128M"
timeout_seconds = 10
{head}
[trace]
total = "4M"
{more}
"""
