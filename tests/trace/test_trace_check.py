# SPDX-License-Identifier: Apache-2.0
"""The checker: true stories pass, each kind of lie is found, and missing events excuse much."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stories
from stories import NOTIFICATION, PANG, PING, PONG, PONG_ENDPOINT, Story
from synthetic import Capture
from verdict import check
from weft.trace_check import check_trace


@pytest.mark.parametrize("tell", [
    stories.cross_call, stories.direct_call, stories.signal, stories.own_events, stories.timer,
    stories.system_call, stories.one_way, stories.one_way_here, stories.saved_call,
    stories.failed_call, stories.device, stories.capabilities, stories.fault,
], ids=lambda tell: tell.__name__)
def test_a_true_story_passes(tool, tmp_path, tell: Callable[[Story], object]):
    story = Story()
    tell(story)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_whoever_boots_machines_hears_of_a_lie(tool, tree, tmp_path):
    """What `weft explore`, `weft fuzz` and `ends_well` say of a trace."""

    class Ended:
        def __init__(self, story: Story) -> None:
            self.capture = lambda out, _: story.capture.write(out)

    story = Story()
    stories.cross_call(story)
    out = tmp_path / "a.weft"
    assert check_trace(Ended(story), tree.trace_tool, out) == ""
    on_two_cpus(story)
    assert check_trace(Ended(story), tree.trace_tool, out).startswith("trace: cpu 1 time ")
    assert not out.exists()


def test_all_stories_in_turn_pass(tool, tmp_path):
    code, text = check(tool, tmp_path, stories.whole(50))
    assert code == 0 and "0 lost, 0 violations" in text


def time_goes_back(story: Story) -> None:
    story.at(0, "doorbell_elide", to=1)
    story.at(0, "doorbell_elide", after=-50, to=1)


def wrong_previous(story: Story) -> None:
    story.at(0, "switch", state="blocked_call", previous=PANG, next=Capture.idle(0))


def on_two_cpus(story: Story) -> None:
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PING)


def runs_unwoken(story: Story) -> None:
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)


def runs_after_its_end(story: Story) -> None:
    stories.fault(story)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)


def ends_twice(story: Story) -> None:
    stories.fault(story)
    story.at(0, "thread_exit", thread=PING, status=0)


def wakes_a_running_thread(story: Story) -> None:
    story.at(1, "wakeup", priority=1, thread=PING, cause=0)


def wakes_twice(story: Story) -> None:
    story.at(1, "wakeup", priority=1, thread=PONG, cause=PING)
    story.at(1, "wakeup", priority=1, thread=PONG, cause=PING)


def idles_elsewhere(story: Story) -> None:
    story.at(0, "switch", state="runnable", previous=PING, next=Capture.idle(1))


def delivers_without_call(story: Story) -> None:
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)


def replies_without_delivery(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_reply", path="cross", client=PING)


def replies_without_call(story: Story) -> None:
    story.at(1, "ipc_reply", path="cross", client=PING)


def delivers_twice(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)


def replies_to_another(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=1, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", path="cross", client=PANG)


def another_replies(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PANG)
    story.at(1, "wakeup", priority=1, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", path="cross", client=PING)


def calls_twice(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)


def calls_without_running(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PANG, endpoint=PONG_ENDPOINT)


def runs_before_the_answer(story: Story) -> None:
    story.at(0, "ipc_call", path="queued", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)


def aborts_an_answered_call(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=1, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", path="cross", client=PING)
    story.at(1, "ipc_abort", error=9, client=PING)


def notifies_without_signal(story: Story) -> None:
    story.at(1, "notification_deliver", notification=NOTIFICATION, thread=PONG)


def takes_what_nobody_pushed(story: Story) -> None:
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")


def takes_at_the_wrong_cpu(story: Story) -> None:
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "mailbox_take", traveller=PING, why="ipc_call")


def pushes_twice(story: Story) -> None:
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")


def wakes_in_a_mailbox(story: Story) -> None:
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(0, "wakeup", priority=1, thread=PING, cause=0)


def a_doorbell_by_itself(story: Story) -> None:
    story.at(1, "doorbell_receive")


def an_interrupt_that_never_began(story: Story) -> None:
    story.at(1, "irq_exit", vector=0x20)


def interrupts_crossed(story: Story) -> None:
    story.at(1, "irq_entry", vector=0x20)
    story.at(1, "irq_entry", vector=0x21)
    story.at(1, "irq_exit", vector=0x20)


def system_calls_crossed(story: Story) -> None:
    story.at(0, "syscall_entry", number=0, thread=PING)
    story.at(0, "syscall_exit", number=1, thread=PING, status=0)


def system_call_inside_another(story: Story) -> None:
    story.at(0, "syscall_entry", number=0, thread=PING)
    story.at(0, "syscall_entry", number=0, thread=PING)


def system_call_of_who_does_not_run(story: Story) -> None:
    story.at(0, "syscall_entry", number=0, thread=PONG)


def answers_what_was_sent_one_way(story: Story) -> None:
    message = stories.one_way(story)
    story.at(1, "ipc_reply", path="cross", client=PING)


def runs_before_its_message_was_taken(story: Story) -> None:
    story.at(0, "ipc_send", path="queued", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "switch", state="blocked_send", previous=PING, next=Capture.idle(0))
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)


def saves_what_was_not_delivered(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_save", client=PING, reply=500)


def saves_twice_in_one_object(story: Story) -> None:
    stories.saved_call(story)
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "ipc_save", client=PING, reply=stories.FIRST_REPLY + 1)


def holds_two_callers(story: Story) -> None:
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(0, "switch", state="blocked_call", previous=PING, next=PANG)
    story.at(0, "ipc_call", path="cross", client=PANG, endpoint=PONG_ENDPOINT)
    story.at(1, "ipc_deliver", path="cross", client=PANG, server=PONG)


def creates_an_object_twice(story: Story) -> None:
    story.at(0, "object_create", kind="memory", object=NOTIFICATION, process=stories.SERVER)


def ends_a_process_twice(story: Story) -> None:
    stories.fault(story)
    story.at(0, "process_exit", cause="fault", process=stories.CLIENT, status=14)


def signals_what_is_held(story: Story) -> None:
    stories.device(story)
    for _ in range(2):
        story.at(1, "interrupt_signal", vector=0x30, interrupt=stories.FIRST_REPLY - 1,
                 notification=NOTIFICATION)


def gives_to_the_dead(story: Story) -> None:
    stories.fault(story)
    stories.capabilities(story)


LIES = {
    time_goes_back: "time goes back",
    wrong_previous: "but thread 10 (ping) was running",
    on_two_cpus: "thread 10 (ping) starts here while it runs on CPU 0",
    runs_unwoken: "thread 11 (pong) runs without having been woken",
    runs_after_its_end: "thread 10 (ping) runs after its end",
    ends_twice: "thread 10 (ping) ends twice",
    wakes_a_running_thread: "thread 10 (ping) is woken while it runs on CPU 0",
    wakes_twice: "thread 11 (pong) is woken while it is runnable",
    idles_elsewhere: "the idle thread of CPU 1 runs here",
    delivers_without_call: "thread 10 (ping): its message is delivered without a call",
    replies_without_delivery: "thread 10 (ping): its message, which was sent, is answered",
    replies_without_call: "thread 10 (ping): its message is answered without a call",
    delivers_twice: "thread 10 (ping): its message, which was delivered, is delivered",
    replies_to_another: "thread 12 (pang): its message is answered without a call",
    another_replies: "its message was delivered to 12 (pang), answered by 11 (pong)",
    calls_twice: "thread 10 (ping): it calls, but its last message is only sent",
    calls_without_running: "thread 12 (pang): it calls, but thread 10 (ping) runs",
    runs_before_the_answer: "thread 10 (ping) runs before its message was answered",
    aborts_an_answered_call: "thread 10 (ping): its message, which was answered, is aborted",
    answers_what_was_sent_one_way: "answered without a call",
    runs_before_its_message_was_taken: "thread 10 (ping) runs before its message was delivered",
    saves_what_was_not_delivered: "thread 10 (ping): its message, which was sent, is saved",
    saves_twice_in_one_object: "thread 10: its message is saved in object 1001, which was used before",
    holds_two_callers: "thread 12 (pang): its message is delivered to 11 (pong), which still holds ping",
    creates_an_object_twice: "object 30 is created, but its id was used before",
    ends_a_process_twice: "process 5 ends twice",
    signals_what_is_held: "interrupt object 999 signals before it was acknowledged",
    gives_to_the_dead: "a capability for object 21 comes to process 5, which has ended",
    notifies_without_signal: "notification 30: delivered more often than signalled",
    takes_what_nobody_pushed: "ipc_call of 10 is taken without having been pushed",
    takes_at_the_wrong_cpu: "ipc_call of 10 is taken without having been pushed",
    pushes_twice: "thread 10 is pushed while it is in a mailbox already",
    wakes_in_a_mailbox: "thread 10 (ping) is woken while it is in a mailbox",
    a_doorbell_by_itself: "a doorbell arrives that nobody rang",
    an_interrupt_that_never_began: "interrupt 32 ends without having begun",
    interrupts_crossed: "interrupt 32 ends inside interrupt 33",
    system_calls_crossed: "leaves system call 1, but it entered 0",
    system_call_inside_another: "thread 10 (ping) enters a system call inside another",
    system_call_of_who_does_not_run: "system call of thread 11 (pong), but thread 10 (ping) was running",
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lie_is_found(tool, tmp_path, lie: Callable[[Story], None]):
    story = Story()
    stories.cross_call(story)
    lie(story)
    code, text = check(tool, tmp_path, story)
    found = [line for line in text.splitlines() if LIES[lie] in line]
    assert code == 1 and found, text
    assert found[0].startswith("cpu ") and " time " in found[0]


def test_a_thread_is_gone_when_it_is_pushed(tool, tmp_path):
    """The other CPU may run it before this one says who comes next."""
    story = Story()
    story.at(0, "migrate", to=1, thread=PING, **{"from": 0})
    story.at(0, "mailbox_push", to=1, traveller=PING, why="start")
    story.at(1, "mailbox_take", traveller=PING, why="start")
    story.at(1, "wakeup", priority=20, thread=PING, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PING)
    story.at(0, "switch", state="travelling", previous=PING, next=Capture.idle(0))
    story.at(1, "switch", state="sleeping", previous=PING, next=Capture.idle(1))
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_a_thread_may_be_gone_from_several_cpus(tool, tmp_path):
    """It may have run on a third CPU, and pushed itself on, before the first one records its switch."""
    story = Story(capture=Capture(cpus=3))
    story.at(0, "migrate", to=1, thread=PING, **{"from": 0})
    story.at(0, "mailbox_push", to=1, traveller=PING, why="start")
    story.at(1, "mailbox_take", traveller=PING, why="start")
    story.at(1, "wakeup", priority=20, thread=PING, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PING)
    story.at(1, "migrate", to=2, thread=PING, **{"from": 1})
    story.at(1, "mailbox_push", to=2, traveller=PING, why="start")
    story.at(1, "switch", state="travelling", previous=PING, next=Capture.idle(1))
    story.at(2, "mailbox_take", traveller=PING, why="start")
    story.at(2, "wakeup", priority=20, thread=PING, cause=PING)
    story.at(2, "switch", state="runnable", previous=Capture.idle(2), next=PING)
    story.at(0, "switch", state="travelling", previous=PING, next=Capture.idle(0))
    story.at(2, "switch", state="sleeping", previous=PING, next=Capture.idle(2))
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_what_a_gap_hides_is_no_violation(tool, tmp_path):
    """CPU 1 loses the delivery and more of every message of the next rounds; nothing else is wrong."""
    story = Story()
    stories.cross_call(story)
    kept = story.capture.ring(1, 0)
    hidden = Story(capture=Capture(cpus=2), now=story.now, messages=story.messages)
    for _ in range(10):  # told to another capture on CPU 1, to this one on CPU 0
        start = hidden.now
        hidden.capture.rings[(0, 0)] = story.capture.ring(0, 0)
        stories.cross_call(hidden)
        assert hidden.now > start
    kept.lose(1)
    story.now, story.messages = hidden.now, hidden.messages
    stories.cross_call(story)
    code, text = check(tool, tmp_path, story)
    assert code == 0 and "cpu 1: 255 events lost" in text, text


def test_a_violation_after_a_gap_is_still_found(tool, tmp_path):
    story = Story()
    for cpu in (0, 1):
        story.capture.ring(cpu, 0).lose(1)
    stories.cross_call(story)
    stories.cross_call(story)
    on_two_cpus(story)
    code, text = check(tool, tmp_path, story)
    assert code == 1 and LIES[on_two_cpus] in text


def test_late_rings_excuse_what_came_before(tool, tmp_path):
    """CPU 1's first page is overwritten: the first calls look as if nobody took them."""
    story = Story()
    early = Story(capture=Capture(cpus=2))
    early.capture.rings[(0, 0)] = story.capture.ring(0, 0)
    early.now = story.now
    for _ in range(3):
        stories.cross_call(early)
    ring = story.capture.rings[(1, 0)]
    ring.pages.clear()
    ring.sequences.clear()
    ring.next_sequence = 2
    story.now, story.messages = early.now, early.messages
    stories.cross_call(story)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_a_gap_may_hide_that_a_thread_was_gone(tool, tmp_path):
    """CPU 0 has pushed a thread away; it runs elsewhere before CPU 0 records the switch, and CPU 1 has
    lost events in between."""
    story = Story(capture=Capture(cpus=3))
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    story.at(0, "mailbox_push", to=2, traveller=PING, why="start")
    story.capture.ring(1, 0).lose(1)
    story.at(1, "timer")
    story.at(2, "mailbox_take", traveller=PING, why="start")
    story.at(2, "wakeup", thread=PING)
    story.at(2, "switch", state="runnable", previous=Capture.idle(2), next=PING)
    story.at(0, "switch", state="travelling", previous=PING, next=Capture.idle(0))
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_a_ring_may_begin_inside_an_interrupt(tool, tmp_path):
    """Both CPUs have lost their first pages; what one kept begins with the end of an interrupt."""
    story = Story()
    for cpu in (0, 1):
        story.capture.ring(cpu, 0).lose(1)
    story.at(1, "irq_exit", vector=33)
    story.at(1, "irq_entry", vector=33)
    story.at(1, "irq_exit", vector=33)
    stories.cross_call(story)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text
    story.at(1, "irq_exit", vector=33)
    code, text = check(tool, tmp_path, story)
    assert code == 1 and "interrupt 33 ends without having begun" in text, text


def test_many_violations_are_counted_and_the_first_are_shown(tool, tmp_path):
    story = Story()
    for _ in range(300):
        a_doorbell_by_itself(story)
    code, text = check(tool, tmp_path, story)
    assert code == 1 and "... and 200 more" in text and "300 violations" in text
    assert len(text.splitlines()) == 102
