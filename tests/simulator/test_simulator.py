# SPDX-License-Identifier: Apache-2.0
"""One source, two places: the same scripted load runs in the guest and in the simulator, and both make
the same schedule. The order of switches on each CPU must be the same; times may differ by what the kernel
itself needs (TOLERANCE), which the simulator does not know."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest
from weft.harness.tree import Tree
from weft.trace.capture import Capture, load

HERE = Path(__file__).resolve().parent
CPUS = 2  # one for the load: in icount mode, time that one CPU uses passes on all
MARGIN = 2_000_000  # nanoseconds before the end that are not compared: threads look at the clock there
TOLERANCE = 250_000  # nanoseconds by which the same switch may be later in the guest
MANIFEST = """\
process load program=scripted_load priority=40 pages=2048 wait
    give console
    give initrd
"""
Switch = tuple[int, str]  # time since the script's beginning, name of who runs from then on


def simulate(tree: Tree, script: Path, policy: str, out: Path, cpus: int = CPUS) -> Capture:
    tool = tree.trace_tool.with_name("weft-simulate")
    argv = [tool, script, "--cpus", str(cpus), "--policy", policy, "-o", out]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    checked = subprocess.run([tree.trace_tool, "check", out], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    return load(out)


def switches(capture: Capture, cpu: int, begin: int, end: int) -> list[Switch]:
    """Who ran on the CPU, one after the other; the first of them is who ran at the beginning."""
    names = {thread: "idle" for thread in capture.names.idle.values()}
    found: list[Switch] = []
    for event in capture:
        if event.name == "switch" and event.cpu == cpu and event.time < begin + end:
            thread = event.fields["next"]
            entry = (event.time - begin, names.get(thread) or capture.names.threads[thread])
            if event.time < begin:
                found.clear()
            elif not found or found[-1][1] != entry[1]:
                found.append(entry)
    return found


def microseconds(script: Path, key: str) -> int:
    return next(int(line.split()[1]) for line in script.read_text().splitlines() if line.startswith(key))


SAME = [(name, policy) for name in ("periodic", "slices", "shares", "bounded") for policy in ("fixed", "edf")]
# A fair policy compares times that were used: where two come close, the kernel's own time, which is in the
# guest's slices and not in the simulator's, decides who is next. The other two scripts have such instants.
SAME += [("slices", "fair"), ("bounded", "fair")]


@pytest.mark.parametrize(("name", "policy"), SAME)
def test_guest_and_simulator_agree(
    boot: Callable[..., Guest], image: Callable[..., Path], tree: Tree, tmp_path: Path, name: str, policy: str
) -> None:
    script = HERE / f"{name}.script"
    slice_us = microseconds(script, "slice")
    end = microseconds(script, "end") * 1000 - MARGIN
    cmdline = f"policy=1:{policy} timeslice_us={slice_us}"
    packed = image(MANIFEST, {"script": script})
    with boot(packed, cpus=CPUS, accel="icount", cmdline=cmdline, timeout=120) as guest:
        assert guest.wait().ok
        real = load(guest.capture(tmp_path / "guest.weft"))
    simulated = simulate(tree, script, policy, tmp_path / "simulated.weft")
    # The mark is set 200 microseconds before the script's time 0.
    mark = next(event.time for event in real if event.name == "user_instant")
    begin = mark + 200_000
    for cpu in range(1, CPUS):
        wanted = switches(simulated, cpu, 0, end)
        got = switches(real, cpu, begin, end)
        assert len(wanted) > 40, "the script hardly switches: nothing is compared"
        assert [who for _, who in got] == [who for _, who in wanted]
        late = max(abs(one - other) for (one, _), (other, _) in zip(got, wanted, strict=True))
        assert late < TOLERANCE, f"CPU {cpu}: a switch is off by {late} ns"


def test_policies_differ(tree: Tree, tmp_path: Path) -> None:
    """Otherwise the comparison above would hold for any policy."""
    script = HERE / "periodic.script"
    found = {
        tuple(who for _, who in switches(simulate(tree, script, policy, tmp_path / policy), 1, 0, 10**8))
        for policy in ("fixed", "edf", "fair")
    }
    assert len(found) == 3


@pytest.mark.parametrize("cpus", [1, 255, 1024])
def test_many_cpus(tree: Tree, tmp_path: Path, cpus: int) -> None:
    script = tmp_path / "many.script"
    lines = ["slice 1000", "end 20000"]
    lines += [f"thread a{cpu} cpu={cpu} : run 10000\nthread b{cpu} cpu={cpu} : run 300 sleep 200" for cpu in range(cpus)]
    script.write_text("\n".join(lines) + "\n")
    capture = simulate(tree, script, "fair", tmp_path / "many.weft", cpus)
    assert capture.cpu_count == min(cpus, 255)
    assert len(switches(capture, min(cpus, 255) - 1, 0, 20_000_000)) > 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("end 5\nthread a : sleep 5\n", 2),
        ("end 5\nthread a cpu=9 : run 5\n", 3),
        ("thread a : run\nend 5\n", 1),
        ("hello\n", 1),
        ("thread a : run 5\n", 2),
        ("end 5\nthread a budget=7 period=3 : run 1\n", 2),
    ],
)
def test_a_wrong_script_is_one_line(tree: Tree, tmp_path: Path, text: str, line: int) -> None:
    script = tmp_path / "wrong.script"
    script.write_text(text)
    tool = tree.trace_tool.with_name("weft-simulate")
    done = subprocess.run([tool, script, "-o", tmp_path / "out"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(f"weft simulate: {script}:{line}: ") and done.stderr.count("\n") == 1
