# SPDX-License-Identifier: Apache-2.0
"""The checker's rules about run queues and budgets: each kind of lie is found, what may be is not one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import stories
from stories import INTRUDER, NOTIFICATION, PANG, PING, PONG, PONG_ENDPOINT, Story
from synthetic import Capture
from verdict import check

FIXED = '{"command_line": "trace_ring=65536"}'
FAIR = '{"command_line": "policy=fair"}'
URGENT, USUAL, LOW = 40, 20, 10


@dataclass
class Stage(Story):
    """CPU 0 runs ping with the usual priority; intruder, pang and pong are blocked, and live on CPU 0."""

    capture: Capture = field(default_factory=lambda: Capture(cpus=2, metadata=FIXED))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.capture.thread(INTRUDER, "intruder", stories.SERVER, cpu=0)

    def wake(self, thread: int, priority: int, cpu: int = 0) -> None:
        self.at(cpu, "wakeup", priority=priority, thread=thread, cause=PING)

    def switch(self, previous: int, next_: int, state: str = "sleeping", cpu: int = 0) -> None:
        self.at(cpu, "switch", state=state, previous=previous, next=next_)

    def interrupt(self) -> None:
        self.at(0, "irq_entry", vector=0x20)
        self.at(0, "irq_exit", vector=0x20)


def starts_elsewhere(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.switch(Capture.idle(1), PANG, "runnable", cpu=1)


def preempted_starts_elsewhere(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.switch(PING, INTRUDER, "runnable")
    stage.switch(Capture.idle(1), PING, "runnable", cpu=1)


def idles_beside_work(stage: Stage) -> None:
    stage.wake(PANG, LOW)
    stage.switch(PING, Capture.idle(0))


def idles_beside_the_preempted(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.switch(PING, INTRUDER, "runnable")
    stage.switch(INTRUDER, Capture.idle(0))


def chooses_the_less_urgent(stage: Stage) -> None:
    stage.wake(PANG, LOW)
    stage.wake(PONG, USUAL)
    stage.switch(PING, PANG)


def chooses_who_is_below_the_preempted(stage: Stage) -> None:
    """ping had been woken with the usual priority, so it stands there when it is preempted."""
    stage.wake(PANG, LOW)
    stage.wake(INTRUDER, URGENT)
    stage.switch(PING, INTRUDER, "runnable")
    stage.switch(INTRUDER, PANG)


def chooses_out_of_turn(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.wake(PONG, USUAL)
    stage.switch(PING, PONG)


def lets_the_less_urgent_go_on(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.interrupt()


def lets_the_less_urgent_fault(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.at(0, "page_fault", error=4, address=0x1000)


def lets_the_less_urgent_call(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.at(0, "syscall_entry", number=0, thread=PING)


def wakes_without_budget(stage: Stage) -> None:
    stage.at(0, "budget_out", thread=PING, owner=PING)
    stage.switch(PING, Capture.idle(0), "out_of_budget")
    stage.wake(PING, USUAL)


def leaves_without_budget(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.at(0, "budget_out", thread=PING, owner=PING)
    stage.switch(PING, PANG, "runnable")


def runs_without_budget(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.at(0, "budget_out", thread=PANG, owner=PANG)
    stage.switch(PING, PANG)


def switches_inside_an_interrupt(stage: Stage) -> None:
    stage.at(0, "irq_entry", vector=0x20)
    stage.wake(PANG, URGENT)
    stage.switch(PING, PANG, "runnable")


def forgets_a_doorbell(stage: Stage) -> None:
    stage.at(0, "mailbox_push", to=1, traveller=NOTIFICATION, why="signal")
    stage.at(0, "mailbox_push", to=1, traveller=NOTIFICATION + 1, why="signal")


def rings_elsewhere(stage: Stage) -> None:
    stage.at(0, "mailbox_push", to=1, traveller=NOTIFICATION, why="signal")
    stage.at(0, "doorbell_send", to=0)


def still_runs_although_it_was_called(stage: Stage) -> None:
    """Another CPU has made somebody ready here, and this one has heard of it."""
    stage.wake(PANG, URGENT)
    stage.at(1, "doorbell_send", to=0, direct=1)
    stage.at(0, "doorbell_receive")
    stage.at(0, "irq_entry", vector=0x20)


def rings_for_nothing(stage: Stage) -> None:
    stage.at(0, "doorbell_elide", to=1, busy=1)


LIES = {
    starts_elsewhere: "cpu 1 .* thread 12 .pang. starts here, but it became ready on CPU 0",
    preempted_starts_elsewhere: "cpu 1 .* thread 10 .ping. starts here, but it became ready on CPU 0",
    idles_beside_work: "the CPU goes idle, but thread 12 .pang. is ready here",
    idles_beside_the_preempted: "the CPU goes idle, but thread 10 .ping. is ready here",
    chooses_the_less_urgent:
        "thread 12 .pang. of priority 10 is chosen, but thread 11 .pong. of priority 20 is ready",
    chooses_who_is_below_the_preempted:
        "thread 12 .pang. of priority 10 is chosen, but thread 10 .ping. of priority 20 is ready",
    chooses_out_of_turn: "thread 11 .pong. is chosen, but thread 12 .pang. was woken before it",
    lets_the_less_urgent_go_on:
        "thread 10 .ping. of priority 20 still runs, but thread 13 .intruder. of priority 40 is ready",
    still_runs_although_it_was_called: "thread 10 .ping. of priority 20 still runs",
    lets_the_less_urgent_fault: "thread 10 .ping. of priority 20 still runs",
    lets_the_less_urgent_call: "thread 10 .ping. of priority 20 still runs",
    wakes_without_budget: "thread 10 .ping. is woken although its budget is over",
    leaves_without_budget: "thread 10 .ping. is out of budget, but leaves as if it was ready",
    runs_without_budget: "thread 12 .pang. runs without having been woken",
    switches_inside_an_interrupt: "switch inside interrupt 32",
    forgets_a_doorbell: "a push to CPU 1 without a word about its doorbell",
    rings_elsewhere: "a push to CPU 1 without a word about its doorbell",
    rings_for_nothing: "a doorbell for CPU 1 without a push",
}
OF_FIXED_PRIORITIES = {
    chooses_the_less_urgent, chooses_who_is_below_the_preempted, chooses_out_of_turn,
    lets_the_less_urgent_go_on, lets_the_less_urgent_fault, lets_the_less_urgent_call,
    still_runs_although_it_was_called,
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lie_is_found(tool, tmp_path, lie: Callable[[Stage], None]):
    stage = Stage()
    stage.interrupt()  # nothing is wrong with that
    lie(stage)
    code, text = check(tool, tmp_path, stage)
    *found, last = text.splitlines()
    assert code == 1 and last.endswith("lost, 1 violations"), text
    (line,) = found
    assert re.search(LIES[lie], line), line


@pytest.mark.parametrize("metadata", [FAIR, None])
@pytest.mark.parametrize("lie", OF_FIXED_PRIORITIES, ids=lambda lie: lie.__name__)
def test_other_policies_choose_otherwise(tool, tmp_path, lie: Callable[[Stage], None], metadata):
    """Or nobody has said with which policy the guest was started."""
    stage = Stage(capture=Capture(cpus=2, metadata=metadata))
    lie(stage)
    code, text = check(tool, tmp_path, stage)
    assert code == 0, text


def preempts(stage: Stage) -> None:
    stage.wake(INTRUDER, URGENT)
    stage.switch(PING, INTRUDER, "runnable")
    stage.interrupt()
    stage.switch(INTRUDER, PING)
    stage.interrupt()


def equals_take_turns(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.wake(PONG, USUAL)
    stage.interrupt()
    stage.switch(PING, PANG, "runnable")  # ping may stand before pong now, or behind it
    stage.switch(PANG, PONG, "runnable")
    stage.switch(PONG, PING)
    stage.switch(PING, PANG)


def works_for_somebody_more_urgent(stage: Stage) -> None:
    """What ping runs with is not known any more when a message has come to it."""
    stage.wake(PONG, URGENT, cpu=1)
    stage.switch(Capture.idle(1), PONG, "runnable", cpu=1)
    stage.at(1, "ipc_call", path="cross", client=PONG, endpoint=PONG_ENDPOINT)
    stage.switch(PONG, Capture.idle(1), "blocked_call", cpu=1)
    stage.at(0, "ipc_deliver", path="cross", client=PONG, server=PING)
    stage.wake(INTRUDER, URGENT)
    stage.interrupt()
    stage.switch(PING, INTRUDER, "runnable")
    stage.wake(PANG, LOW)
    stage.switch(INTRUDER, PANG)  # so ping's place is not known either


def another_priority(stage: Stage) -> None:
    stage.wake(PANG, USUAL + 1)
    stage.at(0, "schedule", priority=URGENT, thread=PING)
    stage.interrupt()


def a_loan_ends(stage: Stage) -> None:
    """A call fails: its server, which was ready with the client's priority, falls back on its own."""
    stage.wake(PANG, USUAL)
    stage.wake(PONG, USUAL + 1)
    failing_call(stage)
    stage.switch(PING, PANG)


def failing_call(stage: Stage) -> None:
    stage.at(0, "ipc_call", path="queued", client=PING, endpoint=PONG_ENDPOINT)
    stage.at(0, "ipc_abort", error=9, client=PING)


def is_suspended_before_it_ran(stage: Stage) -> None:
    stage.wake(PANG, URGENT)
    stage.at(0, "thread_suspend", resting=1, thread=PANG)
    stage.interrupt()
    stage.switch(PING, Capture.idle(0))


def dies_before_it_ran(stage: Stage) -> None:
    stage.wake(PANG, URGENT)
    stage.at(0, "thread_exit", thread=PANG, status=0)
    stage.switch(PING, Capture.idle(0))


def is_sent_away_before_it_ran(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.at(0, "migrate", to=1, thread=PANG, **{"from": 0})
    stage.at(0, "mailbox_push", to=1, traveller=PANG, why="start")
    stage.at(0, "doorbell_elide", to=1)
    stage.switch(PING, Capture.idle(0))
    stage.at(1, "mailbox_take", traveller=PANG, why="start")
    stage.wake(PANG, USUAL, cpu=1)
    stage.switch(Capture.idle(1), PANG, "runnable", cpu=1)


def gets_its_budget_back(stage: Stage) -> None:
    stage.wake(PANG, USUAL)
    stage.at(0, "budget_out", thread=PANG, owner=PANG)
    stage.at(0, "budget_out", thread=PING, owner=PING)
    stage.switch(PING, Capture.idle(0), "out_of_budget")
    for thread in (PANG, PING):
        stage.at(0, "budget_refill", thread=thread, owner=thread)
        stage.wake(thread, USUAL)
    stage.switch(Capture.idle(0), PANG, "runnable")


def loses_the_loan_that_was_over(stage: Stage) -> None:
    """pang serves on ping's budget, which is over; then ping's call fails, and pang has its own again."""
    stage.at(0, "budget_out", thread=PANG, owner=PING)
    failing_call(stage)
    stage.wake(PANG, USUAL)
    stage.switch(PING, PANG)


def has_yet_to_hear_of_it(stage: Stage) -> None:
    """Another CPU has made somebody ready here, and rung, which is for no push."""
    stage.wake(PANG, URGENT)
    stage.at(1, "doorbell_send", to=0, direct=1)
    stage.interrupt()
    stage.at(0, "doorbell_receive")
    stage.switch(PING, PANG, "runnable")


TRUTHS = (
    preempts, equals_take_turns, works_for_somebody_more_urgent, another_priority, a_loan_ends,
    is_suspended_before_it_ran, dies_before_it_ran, is_sent_away_before_it_ran, gets_its_budget_back,
    loses_the_loan_that_was_over, has_yet_to_hear_of_it,
)  # fmt: skip


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.__name__)
def test_what_may_be_is_no_lie(tool, tmp_path, truth: Callable[[Stage], None]):
    stage = Stage()
    truth(stage)
    code, text = check(tool, tmp_path, stage)
    assert code == 0, text


def test_what_was_lost_excuses_what_follows(tool, tmp_path):
    """Events of the other CPU are missing between the wake-ups and the switches."""
    stage = Stage()
    stage.wake(PANG, USUAL)
    stage.wake(INTRUDER, URGENT)
    stage.capture.ring(1, 0).lose(1)
    stage.at(1, "timer")
    stage.interrupt()
    stage.switch(PING, PANG)
    stage.switch(PANG, Capture.idle(0))
    code, text = check(tool, tmp_path, stage)
    assert code == 0 and "cpu 1: 255 events lost" in text, text
