# SPDX-License-Identifier: Apache-2.0
"""Every design of the cross-core path passes the same tests: all guest tests of what passes between CPUs are
booted with the kernels of the other designs too, and their traces checked.

In icount mode with a seed, where CPUs come between each other's steps; in tcg mode some of them, with as
many CPUs as most hosts have cores: who waits for a CPU that the host does not run waits long.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.boots import Boots
from weft.harness.guest import Guest
from weft.harness.items import BOOTS
from weft.harness.program import Configuration, read_program
from weft.variants import DESIGN, DESIGNS

ROOM = Path(__file__).parent
OTHERS = [design for design in DESIGNS if design != DESIGN]
MESSAGES = ("ipc", "ipc_capabilities", "ipc_death", "ipc_forms", "ipc_timeouts", "ipc_waits", "notification",
            "mailbox", "races", "lending")  # fmt: skip
CROSSINGS = ("kills", "migration", "shootdown", "revocation", "thread_races", "thread_orders", "faults", "sched",
             "preemption", "statistics")  # fmt: skip
KINDS = {"lock": {"lock", "remote"}, "handshake": {"acknowledge"}}  # of the event `crossing`


def passes(boots: Boots, program: str, configuration: Configuration) -> None:
    read = read_program(ROOM / f"{program}.c")
    assert read is not None
    result = boots.result(read, configuration)
    wrong = [result.complaint(test) for test in read.tests] + [result.end_complaint(read)]
    assert not any(wrong), "\n".join([*filter(None, wrong), result.evidence])


@pytest.mark.parametrize("design", OTHERS)
@pytest.mark.parametrize("program", (*MESSAGES, *CROSSINGS))
def test_each_design_passes_what_the_kernel_passes(pytestconfig: pytest.Config, program: str, design: str) -> None:
    passes(pytestconfig.stash[BOOTS], program, Configuration(accel="icount", profile=f"test-{design}", seed=5))


@pytest.mark.parametrize("design", OTHERS)
@pytest.mark.parametrize("doorbell", ["always", "elide"])
def test_each_design_passes_with_each_doorbell(pytestconfig: pytest.Config, doorbell: str, design: str) -> None:
    append = f"doorbell={doorbell}"
    for program in ("mailbox", "notification"):
        configuration = Configuration(accel="icount", profile=f"test-{design}", seed=6, append=append)
        passes(pytestconfig.stash[BOOTS], program, configuration)


@pytest.mark.parametrize("design", OTHERS)
@pytest.mark.parametrize("program", ["ipc", "mailbox"])
def test_each_design_passes_in_parallel(pytestconfig: pytest.Config, program: str, design: str) -> None:
    passes(pytestconfig.stash[BOOTS], program, Configuration(cpus=2, profile=f"test-{design}", timeout=120))


@pytest.mark.parametrize("design", OTHERS)
def test_what_a_design_adds_is_in_its_trace(boot: Callable[..., Guest], tmp_path: Path, design: str) -> None:
    """Who waits, and who works in whose place, is recorded; nobody does with mailboxes."""
    assert crossings(boot, tmp_path, f"test-{design}") == KINDS[design]
    assert crossings(boot, tmp_path, "test") == set()


def crossings(boot: Callable[..., Guest], folder: Path, profile: str) -> set[str]:
    """What `crossing` events of a boot with pauses at its schedule points say."""
    capture = folder / f"{profile}.weft"
    with boot("test_mailbox", profile=profile, accel="icount", seed=3, timeout=120) as guest:
        assert guest.wait().ok
        guest.capture(capture)
        argv = [guest.tree.trace_tool, "dump", "--json", capture]
        dump = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    records = [json.loads(line) for line in dump.stdout.splitlines()]
    return {record["what"] for record in records if record.get("event") == "crossing"}
