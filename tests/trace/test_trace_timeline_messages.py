# SPDX-License-Identifier: Apache-2.0
"""Messages in converted captures: slices, stages and arrows, as the real trace processor sees them."""

from __future__ import annotations

import pytest
import stories
from clean import trace_problems
from stories import NOTIFICATION, PANG, PING, PONG, Story
from synthetic import Capture


def test_a_message_has_slices_on_both_sides_and_two_arrows(convert, trace_processor):
    story = Story()
    stories.cross_call(story)
    slices, flows = trace_processor(convert(story), [
        "select t.name, s.name, s.dur, s.depth from slice s join thread_track k on k.id = s.track_id"
        " join thread t using (utid) order by s.ts, s.depth",
        "select b.name, e.name, e.ts - b.ts - b.dur from flow join slice b on b.id = slice_out"
        " join slice e on e.id = slice_in order by b.ts"])
    assert slices == [("ping", "call server", 2200, 0), ("ping", "send", 0, 1),
                      ("ping", "enqueue", 100, 1), ("ping", "doorbell", 600, 1),
                      ("ping", "wakeup", 100, 1), ("pong", "serve ping", 900, 0),
                      ("ping", "dispatch", 200, 1), ("ping", "service", 700, 1),
                      ("ping", "reply", 300, 1), ("pong", "reply", 0, 1), ("ping", "resume", 200, 1)]
    assert flows == [("send", "serve ping", 800), ("push ipc_call to cpu 1", "take ipc_call", 600),
                     ("reply", "resume", 300), ("push ipc_reply to cpu 0", "take ipc_reply", 200)]


STAGES = ("select t.name, s.name, s.ts, s.dur, p.name from slice s join slice p on p.id = s.parent_id"
          " join thread_track k on k.id = s.track_id join thread t using (utid)"
          " where s.category is null and s.dur > 0 order by s.ts")


def test_stages_that_take_no_time_are_left_out(convert, trace_processor):
    story = Story()
    stories.direct_call(story)
    start = story.now - 215
    rows, = trace_processor(convert(story), [STAGES])
    assert rows == [("ping", "wakeup", start, 5, "call server"),
                    ("ping", "dispatch", start + 5, 5, "call server"),
                    ("ping", "service", start + 10, 200, "call server"),
                    ("ping", "resume", start + 210, 5, "call server")]


def test_the_way_into_the_kernel_is_a_stage_when_it_is_known(convert, trace_processor):
    story = Story()
    story.at(0, "syscall_entry", number=1, thread=PING)
    stories.direct_call(story)
    story.at(0, "syscall_exit", number=1, thread=PING, status=0)
    stages, calls = trace_processor(convert(story), [
        STAGES, "select dur from slice where name = 'call server'"])
    assert [row[1:4:2] for row in stages][0] == ("entry", 100) and len(stages) == 5
    assert calls == [(315,)]


def test_stages_of_a_call_inside_a_service_are_below_that_call(convert, trace_processor):
    story = Story()
    story.at(0, "ipc_call", path="direct", client=PING, endpoint=stories.PANG_ENDPOINT)
    story.at(0, "ipc_deliver", path="direct", client=PING, server=PANG)
    story.at(0, "switch", state="blocked_call", previous=PING, next=PANG)
    story.at(0, "ipc_call", path="cross", client=PANG, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PANG, why="ipc_call")
    story.at(0, "switch", state="blocked_call", previous=PANG, next=Capture.idle(0))
    story.at(1, "mailbox_take", traveller=PANG, why="ipc_call")
    story.at(1, "ipc_deliver", path="cross", client=PANG, server=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PANG)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", path="cross", client=PANG)
    story.at(1, "mailbox_push", to=0, traveller=PANG, why="ipc_reply")
    story.at(0, "mailbox_take", traveller=PANG, why="ipc_reply")
    story.at(0, "wakeup", priority=20, thread=PANG, cause=PONG)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PANG)
    story.at(0, "ipc_reply", path="direct", client=PING)
    story.at(0, "switch", state="blocked_receive", previous=PANG, next=PING)
    trace = convert(story)
    depths, = trace_processor(trace, [
        "select s.name, s.depth, s.dur from slice s join thread_track k on k.id = s.track_id"
        " join thread t using (utid) where t.name = 'pang' and s.dur > 0 order by s.ts, s.depth"])
    assert depths == [("serve ping", 0, 1400), ("call server", 1, 1100), ("enqueue", 2, 100),
                      ("doorbell", 2, 200), ("wakeup", 2, 100), ("dispatch", 2, 200),
                      ("service", 2, 100), ("reply", 2, 200), ("resume", 2, 200)]
    assert trace_problems(trace, trace_processor) == []


@pytest.mark.parametrize("events, stages", [
    (2, [("enqueue", 100), ("doorbell", 900)]),
    (4, [("enqueue", 100), ("doorbell", 200), ("wakeup", 700)]),
    (7, [("enqueue", 100), ("doorbell", 200), ("wakeup", 100), ("dispatch", 200), ("service", 400)])])
def test_a_call_without_an_answer_shows_how_far_it_came(convert, trace_processor, events, stages):
    story = Story()
    told = [(0, "ipc_call", {"path": "cross", "client": PING, "endpoint": stories.PONG_ENDPOINT}),
            (0, "mailbox_push", {"to": 1, "traveller": PING, "why": "ipc_call"}),
            (0, "switch", {"state": "blocked_call", "previous": PING, "next": Capture.idle(0)}),
            (1, "mailbox_take", {"traveller": PING, "why": "ipc_call"}),
            (1, "ipc_deliver", {"path": "cross", "client": PING, "server": PONG}),
            (1, "wakeup", {"priority": 30, "thread": PONG, "cause": PING}),
            (1, "switch", {"state": "runnable", "previous": Capture.idle(1), "next": PONG})]
    for cpu, name, fields in told[:events]:
        story.at(cpu, name, **fields)
    story.now = story.now - 100 * events + 900
    story.at(0, "timer", after=200)
    trace = convert(story)
    rows, = trace_processor(trace, [STAGES])
    assert [(row[1], row[3]) for row in rows] == stages
    assert trace_problems(trace, trace_processor) == []


def test_what_happens_to_a_client_while_it_waits_does_not_break_its_stages(convert, trace_processor):
    """A mark that is written before the stages that began earlier."""
    story = Story()
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(0, "schedule", priority=9, thread=PING, share=0)
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", path="cross", client=PING)
    story.at(1, "mailbox_push", to=0, traveller=PING, why="ipc_reply")
    story.at(0, "mailbox_take", traveller=PING, why="ipc_reply")
    story.at(0, "wakeup", priority=20, thread=PING, cause=PONG)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    story.at(0, "user_instant", name=2, value=1)
    trace = convert(story)
    rows, marks = trace_processor(trace, [
        STAGES, "select m.name, p.name from slice m join slice p on p.id = m.parent_id"
        " where m.name = 'priority 9'"])
    assert [(row[1], row[3]) for row in rows] == [
        ("enqueue", 100), ("doorbell", 300), ("wakeup", 100), ("dispatch", 200), ("service", 100),
        ("reply", 200), ("resume", 200)]
    assert marks == [("priority 9", "doorbell")]
    assert trace_problems(trace, trace_processor) == []


def test_arrows_of_messages_equal_their_number(convert, trace_processor):
    story = stories.whole(30)
    rows, = trace_processor(convert(story), [
        "select b.name, count(*) from flow join slice b on b.id = slice_out group by b.name"])
    count = dict(rows)
    answered = story.messages - 3 * 30  # one way here and across, and failed
    assert count["send"] == story.messages - 30 and count["reply"] == answered
    assert count["set aside"] == 30
    assert count[f"signal notification {NOTIFICATION} of server"] == 30


FLOWS = ("select bt.name, b.name, et.name, e.name from flow join slice b on b.id = slice_out"
         " join slice e on e.id = slice_in"
         " join thread_track bk on bk.id = b.track_id join thread bt on bt.utid = bk.utid"
         " join thread_track ek on ek.id = e.track_id join thread et on et.utid = ek.utid"
         " where b.category = 'ipc' order by b.ts")


def test_what_is_sent_one_way_arrives_with_an_arrow(convert, trace_processor):
    story = Story()
    stories.one_way(story)
    stories.one_way_here(story)
    flows, slices = trace_processor(convert(story), [
        FLOWS, "select name, dur from slice where name like 'send %' order by ts"])
    assert flows == [("ping", "send", "pong", "receive from ping"),
                     ("ping", "send", "pang", "receive from ping")]
    # Until ping is home again and runs; and until pang has the message.
    assert slices == [("send to server", 1200), ("send to server", 100)]


def test_who_answers_for_another_draws_the_arrow(convert, trace_processor):
    story = Story()
    stories.saved_call(story)
    flows, served = trace_processor(convert(story), [
        FLOWS, "select dur from slice where name = 'serve ping'"])
    assert flows == [("ping", "send", "pang", "serve ping"),
                     ("pang", "set aside", "pong", "reply"),
                     ("pong", "reply", "ping", "resume")]
    assert served == [(205,)]  # until it is set aside


def test_a_call_that_fails_at_once_ends_there(convert, trace_processor):
    story = Story()
    stories.failed_call(story)
    rows, = trace_processor(convert(story), [
        "select name, dur, extract_arg(arg_set_id, 'debug.status') from slice"
        " where category = 'ipc' order by ts, depth"])
    assert rows == [("call server", 100, None), ("send", 0, None),
                    ("call aborted", 0, "would_block")]


def test_a_fault_is_a_message_to_the_supervisor(convert, trace_processor):
    story = Story()
    stories.handled_fault(story)
    stories.direct_call(story)
    flows, slices = trace_processor(convert(story), [
        FLOWS, "select name from slice where category in ('ipc', 'fault') and depth = 0 order by ts"])
    assert [flow[1::2] for flow in flows][:2] == [("send", "serve ping"), ("reply", "resume")]
    assert slices == [("page fault",), ("fault to server",), ("serve ping",),
                      ("call server",), ("serve ping",)]
