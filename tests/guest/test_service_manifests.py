# SPDX-License-Identifier: Apache-2.0
"""What init does with a whole manifest of services: when the machine ends, and with which words it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from weft.harness.guest import Guest

ONESHOT = "service {0} program=test_services restart=failure\n  arguments role=oneshot value=0\n"
HOPELESS = (
    "service hopeless program=test_services backoff=0..1 give_up=3/10\n  arguments role=oneshot value=9\n  provide door\n"
)


def test_a_machine_of_services_ends_with_the_last(boot: Callable[..., Guest], image: Callable[..., Path]) -> None:
    made = image(ONESHOT.format("one") + ONESHOT.format("two needs=one"))
    with boot(image=made, cpus=1, accel="icount") as guest:
        assert guest.wait().ok
        said = [line for line in guest.console if line.startswith("init:")]
    assert said == ["init: service one has ended (needed by two)", "init: service two has ended"]


def test_a_machine_stays_on_while_a_service_is_there(boot: Callable[..., Guest], image: Callable[..., Path]) -> None:
    made = image(
        ONESHOT.format("one")
        + "service again program=test_services needs=one\n  arguments role=oneshot value=5\n"
        + "process ends program=test_services\n  arguments role=oneshot value=0\n"
    )
    with boot(image=made, cpus=1, accel="icount") as guest:  # which is ended when that has been seen
        guest.wait_for("init: service one has ended")
        guest.wait_for("init: service again: exit 5; start 6 in 16 ms")


def test_a_process_that_cannot_have_what_it_needs_is_a_failure(
    boot: Callable[..., Guest], image: Callable[..., Path]
) -> None:
    made = image(HOPELESS + "process wants program=test_services needs=hopeless wait\n  arguments role=oneshot value=0\n")
    with boot(image=made, cpus=1, accel="icount") as guest:
        outcome = guest.wait()
        said = [line for line in guest.console if line.startswith("init:")]
    assert not outcome.ok and outcome.status == 98
    assert said[-2:] == [
        "init: service hopeless is given up (needed by wants)",
        "init: process wants is not started: what it needs is given up",
    ]
    assert [line.split("; ")[1] for line in said[:2]] == ["start 2 in 0 ms", "start 3 in 1 ms"]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("service a program=test_services needs=b\nservice b program=test_services needs=a\n",
         "line 1: needs= makes a circle: a service would wait for itself"),
        ("process a program=test_services\n  use nobody\n", "line 2: nothing provides what is used here"),
        ("service a program=test_services\n  state 0\n", "line 2: a state of 0 bytes is none"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_wrong_is_refused_with_its_line(
    boot: Callable[..., Guest], image: Callable[..., Path], manifest: str, words: str
) -> None:
    with boot(image=image(manifest), cpus=1, accel="icount") as guest:
        outcome = guest.wait()
        assert not outcome.ok and outcome.status == 97
        assert f"init: manifest {words}" in guest.console
