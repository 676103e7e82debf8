# SPDX-License-Identifier: Apache-2.0
"""What the real trace processor makes of converted captures."""

from __future__ import annotations

from collections import Counter

import pytest
import stories
from clean import STATS, stat_problems, trace_problems
from stories import NOTIFICATION, PANG, PING, PONG, Story
from synthetic import Capture


def test_a_whole_story_is_clean(convert, trace_processor):
    assert trace_problems(convert(stories.whole(20)), trace_processor) == []


def test_a_wakeup_in_the_nanosecond_of_the_block_comes_after_it(convert, trace_processor):
    story = stories.Story()
    stories.cross_call(story, stays=True)
    stories.cross_call(story, stayed=True)
    assert trace_problems(convert(story), trace_processor) == []


def test_the_judge_finds_planted_faults(convert, trace_processor, tmp_path):
    """What this file relies on is not blind: a trace cut in the middle and one with a lost switch."""
    trace = convert(stories.whole(5))
    story = stories.whole(2)
    story.at(0, "switch", state="runnable", previous=PONG, next=PING)
    story.at(0, "switch", state="runnable", previous=PONG, next=PING)
    lying = convert(story)
    assert any("mismatched" in problem for problem in trace_problems(lying, trace_processor))
    trace.write_bytes(trace.read_bytes()[:-7])
    with pytest.raises(Exception, match="(?i)truncated|parsing"):
        trace_problems(trace, trace_processor)


def test_threads_are_grouped_in_their_processes(convert, trace_processor):
    trace = convert(stories.whole(2))
    (rows,) = trace_processor(trace, [
        "select t.tid, t.name, p.pid, p.name from thread t join process p using (upid)"
        " where t.tid != 0 order by t.tid"])
    assert rows == [(10, "ping", 5, "client"), (11, "pong", 6, "server"), (12, "pang", 6, "server"),
                    (100, "idle/0", 1, "kernel"), (101, "idle/1", 1, "kernel")]


def test_scheduling_is_as_it_was(convert, trace_processor):
    """Every switch of the story is a sched slice on the right CPU with the right thread."""
    story = Story()
    stories.cross_call(story)
    (rows,) = trace_processor(convert(story), [
        "select cpu, ts, t.name, end_state from sched join thread t using (utid)"
        " where tid != 0 order by cpu, ts"])
    first = 1000 + 100 * 5
    assert [row for row in rows if row[0] == 0][2:5] == [
        (0, 1400, "idle/0", "S"), (0, first + 100, "ping", "S"), (0, first + 500, "idle/0", "S")]
    assert Counter(row[2] for row in rows if row[0] == 1) == {"idle/1": 3, "pong": 2}


def test_every_wakeup_shows_who_woke(convert, trace_processor):
    story = Story()
    stories.cross_call(story)
    stories.signal(story)
    stories.timer(story)
    rows, = trace_processor(convert(story), [
        "select w.name, b.name from thread_state s join thread w using (utid)"
        " join thread b on b.utid = s.waker_utid where s.state = 'R' and s.waker_id is not null"
        " order by s.ts"])
    assert rows == [("ping", "idle/0"), ("pong", "ping"), ("ping", "pong"), ("pong", "ping"),
                    ("pang", "ping")]


def test_a_preempted_thread_is_runnable(convert, trace_processor):
    story = Story()
    stories.timer(story)
    rows, = trace_processor(convert(story), [
        "select state, dur from thread_state join thread using (utid)"
        " where tid = 10 and state like 'R+'"])
    assert rows == [("R+", 300)]


def test_capabilities_that_come_and_go_are_shown(convert, trace_processor):
    story = Story()
    stories.capabilities(story)
    rows, = trace_processor(convert(story), [
        "select p.name, s.name, extract_arg(s.arg_set_id, 'debug.rights'),"
        " extract_arg(s.arg_set_id, 'debug.capabilities') from slice s"
        " join process_track k on k.id = s.track_id join process p using (upid)"
        " where s.name like 'given %' or s.name like 'revoke %' order by s.ts"])
    assert rows == [("client", "given endpoint 21 of server", 3, None),
                    ("server", "revoke endpoint 21 of server", None, 1)]


def test_a_suspended_thread_rests_until_it_is_resumed(convert, trace_processor):
    story = Story()
    story.at(0, "switch", state="suspended", previous=PING, next=Capture.idle(0))
    story.at(0, "thread_suspend", resting=1, thread=PING)
    story.at(0, "thread_suspend", after=700, resting=0, thread=PING)
    story.at(0, "wakeup", priority=20, thread=PING, cause=0)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    states, rests = trace_processor(convert(story), [
        "select state, dur from thread_state join thread using (utid) where tid = 10 order by ts",
        "select s.name, s.dur, k.name from slice s join thread_track k on k.id = s.track_id"
        " where k.name = 'rests'"])
    assert ("T", 900) in states and rests == [("suspended", 700, "rests")]


def test_a_thread_out_of_budget_is_parked_until_its_refill(convert, trace_processor):
    story = Story()
    story.at(0, "schedule", priority=7, thread=PING, share=250)
    story.at(0, "budget_out", thread=PING, owner=PING)
    story.at(0, "switch", state="out_of_budget", previous=PING, next=Capture.idle(0))
    story.at(0, "budget_refill", after=3000, thread=PING, owner=PING)
    story.at(0, "wakeup", priority=7, thread=PING, cause=0)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    states, rests, marks = trace_processor(convert(story), [
        "select state, dur from thread_state join thread using (utid) where tid = 10 order by ts",
        "select s.name, s.dur from slice s join thread_track k on k.id = s.track_id"
        " where k.name = 'rests'",
        "select name, extract_arg(arg_set_id, 'debug.share') from slice where name like 'priority%'"])
    assert ("P", 3100) in states and rests == [("out of budget", 3100)]
    assert marks == [("priority 7", 250)]


def test_an_interrupt_leads_to_its_driver_and_is_held_until_acknowledged(convert, trace_processor):
    story = Story()
    stories.device(story)
    flows, held, signals = trace_processor(convert(story), [
        "select k.name, b.name, et.name, e.name, e.ts - b.ts from flow join slice b on b.id = slice_out"
        " join slice e on e.id = slice_in join track k on k.id = b.track_id"
        " join thread_track ek on ek.id = e.track_id join thread et on et.utid = ek.utid",
        "select dur from slice where name = 'held for its driver'",
        "select count(*) from slice where name like 'signal %'"])
    assert flows == [("interrupt 999 of server", "interrupt", "pong", "notified", 500)]
    assert held == [(600,)] and signals == [(0,)]


def test_every_event_of_the_schema_is_drawn_or_named(convert, trace_processor):
    """Whatever the converter does not draw in a way of its own is an instant with its fields."""
    import weft_trace_schema as schema

    framing = {"page", "name", "thread_create", "thread_idle"}  # the process tree has them
    framing |= {"irq_exit", "user_end", "syscall_exit", "budget_refill"}  # they end what another event began
    for name, event in schema.EVENTS.items():
        if name in framing:
            continue
        story = Story()
        fields = [field for field, _ in event["fields"].values()]
        values = {"thread": PING, "message": 1, "server": PONG, "client": PING, "resting": 1}
        if name in ("ipc_deliver", "ipc_reply", "ipc_abort", "ipc_save"):
            story.at(0, "ipc_call", path="direct", client=PING, endpoint=stories.PONG_ENDPOINT)
        before = convert(story).stat().st_size
        if name == "switch":
            values = {"previous": PING, "next": PANG}
        story.at(0, name, **{field: values.get(field, 0) for field in fields})
        assert convert(story).stat().st_size > before, name


def test_details_are_kept_as_arguments(convert, trace_processor):
    story = Story()
    message = stories.cross_call(story)
    rows, = trace_processor(convert(story), [
        "select extract_arg(arg_set_id, 'debug.message'), extract_arg(arg_set_id, 'debug.endpoint'),"
        " extract_arg(arg_set_id, 'debug.path') from slice where name = 'call server'"])
    assert rows == [(message, stories.PONG_ENDPOINT, "cross")]


def test_what_programs_say_is_on_their_own_tracks(convert, trace_processor):
    story = Story()
    stories.own_events(story)
    slices, values = trace_processor(convert(story), [
        "select k.name, t.name, s.name, s.depth, s.dur > 0 from slice s"
        " join thread_track k on k.id = s.track_id join thread t using (utid) where k.name = 'user'",
        "select p.name, k.name, c.value from counter c join process_counter_track k"
        " on k.id = c.track_id join process p using (upid)"])
    assert slices == [("user", "ping", "work", 0, 1), ("user", "ping", "event 99", 1, 0)]
    assert values == [("client", "progress", 1.0)]


def test_faults_and_ends_are_shown(convert, trace_processor):
    story = Story()
    stories.fault(story)
    marks, ends = trace_processor(convert(story), [
        "select name, extract_arg(arg_set_id, 'debug.address') from slice"
        " where name in ('page fault', 'process faulted') order by ts",
        "select name from thread where end_ts is not null"])
    assert marks == [("page fault", 0xDEAD000), ("process faulted", None)]
    assert ends == [("ping",)]


def test_a_process_that_follows_one_of_its_name_is_a_restart(convert, trace_processor):
    story = Story()
    story.at(0, "process_exit", cause="fault", process=stories.SERVER, status=14)
    for process, name in ((7, "server"), (8, "other")):
        story.at(0, "process_create", process=process, parent=1)
        story.capture.name("process", process, name, time=story.now)
    rows, = trace_processor(convert(story), [
        "select p.name, s.name from slice s join process_track k on k.id = s.track_id"
        " join process p using (upid) where s.name like 'process %' and s.ts > 1000 order by s.ts"])
    assert rows == [("server", "process faulted"), ("server", "process restarted"),
                    ("other", "process created")]


def test_ends_of_processes_that_nobody_has_introduced_are_shown(convert, trace_processor):
    """So many that what is known of processes moves in memory."""
    story = Story()
    for process in range(900, 964):
        story.at(0, "process_exit", cause="exited", process=process, status=0)
    rows, = trace_processor(convert(story), [
        "select count(distinct upid), count(*) from slice s join process_track k on k.id = s.track_id"
        " where s.name = 'process exited'"])
    assert rows == [(64, 64)]


def test_memory_is_a_counter_of_its_process(convert, trace_processor):
    story = Story()
    for pages in (16, 9):
        story.at(0, "memory", process=stories.SERVER, free=pages)
    rows, = trace_processor(convert(story), [
        "select p.name, k.name, k.unit, c.value from counter c join process_counter_track k"
        " on k.id = c.track_id join process p using (upid) order by c.ts"])
    assert rows == [("server", "free memory", "bytes", 65536.0),
                    ("server", "free memory", "bytes", 36864.0)]


def test_arrows_of_programs_join_what_has_the_same_number(convert, trace_processor):
    """Also when a number is used again, and when one end is missing."""
    story = Story()
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    for _ in range(2):
        story.at(0, "user_flow_out", name=2, value=7)
        story.at(0, "user_flow_out", name=2, value=8)
        story.at(1, "user_flow_in", name=2, value=7)
    story.at(1, "user_flow_in", name=2, value=9)
    trace = convert(story)
    rows, = trace_processor(trace, [
        "select bt.name, et.name, e.ts - b.ts, bk.name from flow join slice b on b.id = slice_out"
        " join slice e on e.id = slice_in"
        " join thread_track bk on bk.id = b.track_id join thread bt on bt.utid = bk.utid"
        " join thread_track ek on ek.id = e.track_id join thread et on et.utid = ek.utid"])
    assert rows == [("ping", "pong", 200, "user")] * 2
    assert trace_problems(trace, trace_processor) == []


def test_interrupts_and_doorbells_are_shown(convert, trace_processor):
    story = Story()
    stories.cross_call(story)
    stories.timer(story)
    slices, interrupts = trace_processor(convert(story), [
        "select k.name, s.name from slice s join track k on k.id = s.track_id where k.name like '%door%'"
        " order by s.ts",
        "select s.name, count(*) from slice s where s.name like 'IRQ%' group by s.name order by s.name"])
    assert slices == [("cpu 0 doorbells", "doorbell to cpu 1"), ("cpu 1 doorbells", "doorbell received"),
                      ("cpu 1 doorbells", "no doorbell to cpu 0")]
    assert interrupts == [("IRQ (doorbell)", 1), ("IRQ (timer)", 1)]


def test_system_calls_are_slices(convert, trace_processor):
    story = Story()
    stories.system_call(story)
    rows, = trace_processor(convert(story), [
        "select s.name, s.dur, k.name from slice s join thread_track k on k.id = s.track_id"])
    assert rows == [("null", 100, "system calls")]


def gap_story() -> Story:
    """CPU 1 loses a page between two calls."""
    story = Story()
    stories.cross_call(story)
    story.capture.ring(1, 0).lose(1)
    story.now += 5000
    stories.cross_call(story)
    return story


def test_a_gap_is_marked_where_it_is(convert, trace_processor):
    trace = convert(gap_story())
    lost = "ftrace_cpu_has_data_loss"
    assert trace_problems(trace, trace_processor, allowed=(lost,)) == []
    stats, runs = trace_processor(trace, [
        f"select idx, value from stats where name = '{lost}' and value > 0",
        "select ts, dur, t.tid from sched join thread t using (utid) where cpu = 1 order by ts"])
    assert stats == [(1, 1)]
    # During the gap nobody is shown on the CPU.
    assert any(tid == 0 and dur > 5000 for _, dur, tid in runs)


LOST = ("select k.name, s.name, s.ts, s.dur, extract_arg(s.arg_set_id, 'debug.lost') from slice s"
        " join track k on k.id = s.track_id where s.category = 'lost'")


def test_a_slice_says_how_many_events_a_gap_has_cost(convert, trace_processor):
    story = gap_story()
    marks, runs, ready = trace_processor(convert(story), [
        LOST, "select ts, dur from sched join thread using (utid) where cpu = 1 and tid = 0 and dur > 5000",
        READY % 1])
    ((ts, dur),) = runs
    assert marks == [("cpu 1 lost events", "events lost", ts, dur, 255)]
    assert ready[-1][1] == 0


READY = ("select ts, value from counter c join track k on k.id = c.track_id where k.name = 'cpu %d run queue'"
         " order by ts, c.id")
DEPTH = READY.replace("run queue", "mailbox depth")


def test_the_run_queue_holds_who_is_ready_and_does_not_run(convert, trace_processor):
    story = Story()
    start = story.now
    stories.timer(story)  # pang is woken, and then ping preempted for it
    story.at(0, "wakeup", priority=20, thread=PONG, cause=0)
    story.at(0, "thread_suspend", resting=1, thread=PONG)
    rows, = trace_processor(convert(story), [READY % 0])
    assert [row for row in rows if row[0] > start] == [
        (start + 300, 1), (start + 500, 0), (start + 500, 1), (start + 800, 0),
        (start + 900, 1), (start + 1000, 0)]


def test_a_mailbox_is_as_deep_as_what_was_not_taken(convert, trace_processor):
    story = Story()
    start = story.now
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "mailbox_push", to=1, traveller=NOTIFICATION, why="signal")
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "mailbox_take", traveller=NOTIFICATION, why="signal")
    story.at(1, "mailbox_take", traveller=PONG, why="start")  # it was quicker than who pushed it
    story.at(0, "mailbox_push", to=1, traveller=PONG, why="start")
    trace = convert(story)
    rows, = trace_processor(trace, [DEPTH % 1])
    assert [(ts - start, value) for ts, value in rows] == [
        (100, 1), (200, 2), (300, 1), (400, 0), (500, 0), (600, 0)]
    assert trace_problems(trace, trace_processor) == []


def test_a_late_beginning_is_no_gap(convert, trace_processor):
    story = Story(capture=Capture(cpus=2))
    ring = story.capture.rings[(1, 0)]
    ring.pages.clear()
    ring.sequences.clear()
    ring.next_sequence = 5
    stories.cross_call(story)
    stories.cross_call(story)
    trace = convert(story)
    stats, marks = trace_processor(trace, [STATS, LOST])
    assert stat_problems(stats) == []
    assert [row[:2] + row[4:] for row in marks] == [
        ("cpu 1 lost events", "earlier events overwritten", 5 * 255)]


def test_a_thread_that_gave_itself_away_is_never_on_two_cpus(convert, trace_processor):
    story = Story()
    story.at(0, "migrate", to=1, thread=PING, **{"from": 0})
    story.at(0, "mailbox_push", to=1, traveller=PING, why="start")
    story.at(1, "mailbox_take", traveller=PING, why="start")
    story.at(1, "wakeup", priority=20, thread=PING, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PING)
    story.at(0, "switch", state="travelling", previous=PING, next=Capture.idle(0))
    story.at(1, "switch", state="sleeping", previous=PING, next=Capture.idle(1))
    assert trace_problems(convert(story), trace_processor) == []


def test_slices_that_are_open_at_the_end_are_closed(convert, trace_processor):
    story = Story()
    story.at(0, "user_begin", name=2, value=0)
    story.at(0, "syscall_entry", number=1, thread=PING)
    story.at(0, "irq_entry", vector=0x20)
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=stories.PONG_ENDPOINT)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    rows, = trace_processor(convert(story), ["select count(*) from slice where dur < 0"])
    assert rows == [(0,)]


def test_categories_that_were_off_leave_no_error(convert, trace_processor):
    story = Story()
    stories.cross_call(story)
    for cpu in (0, 1):
        story.at(cpu, "mask", mask=0)
    story.now += 1000
    for cpu in (0, 1):
        story.at(cpu, "mask", mask=0xFF)
    story.at(0, "switch", state="runnable", previous=stories.PANG, next=PING)
    stories.cross_call(story)
    assert trace_problems(convert(story), trace_processor) == []


def test_an_interrupt_lasts_no_longer_than_its_category(convert, trace_processor):
    story = Story()
    story.at(0, "irq_entry", vector=0x21)
    story.at(0, "mask", mask=0xF7, after=200)
    story.at(0, "mask", mask=0xFF, after=100_000)
    stories.timer(story)
    rows, = trace_processor(convert(story), ["select dur from slice where name like 'IRQ %'"])
    assert rows == [(200,), (300,)]


@pytest.mark.parametrize("accel, program", [
    ("tcg", "test_ipc"), ("icount", "selftest"), ("icount", "test_ipc_forms"),
    ("icount", "test_trace_events")])
def test_a_real_boot_is_clean(boot, tool, convert, trace_processor, tmp_path, accel, program):
    with boot(image=program, cpus=4, accel=accel) as guest:
        assert guest.wait().kind == "ok"
        capture = guest.capture(tmp_path / "boot.weft")
    assert "0 violations" in tool.ok("check", capture)
    latency = tool.json("latency", capture)
    assert latency["messages"] > 0 and latency["stage_sum_mismatches"] == 0
    trace = convert(capture)
    assert trace_problems(trace, trace_processor) == []
    rows, = trace_processor(trace, [
        "select b.name, count(*) from flow join slice b on b.id = slice_out group by b.name"])
    calls = tool.json("stat", capture)["events"]["ipc_deliver"]
    assert dict(rows)["send"] == calls


def test_a_thread_that_was_described_last_and_ended_stays_one_thread(convert, trace_processor):
    story = Story()
    stories.cross_call(story)
    story.at(0, "switch", state="blocked_receive", previous=PING, next=Capture.idle(0))
    story.capture.thread(13, "brief", stories.CLIENT, cpu=0)
    story.at(0, "wakeup", priority=1, thread=13, cause=0)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=13)
    story.at(0, "user_instant", name=2, value=1)
    story.at(0, "thread_exit", thread=13, status=0)
    story.at(0, "switch", state="exited", previous=13, next=Capture.idle(0))
    story.at(0, "doorbell_elide", to=1)  # a later event of the same packet sequence
    assert trace_problems(convert(story), trace_processor) == []


def test_a_crossing_is_a_slice_up_to_when_it_was_told(convert, trace_processor):
    """What a design with a lock or a handshake held a CPU up for; two in a row stand side by side."""
    story = Story()
    story.at(0, "crossing", after=5_000, what="lock", ticks=3_000, cpu=0)
    story.at(0, "crossing", after=1_000, what="remote", ticks=1_000, cpu=1)
    story.at(1, "crossing", after=2_000, what="acknowledge", ticks=500, cpu=0)
    trace = convert(story)
    assert trace_problems(trace, trace_processor) == []
    rows, = trace_processor(trace, [
        "select t.name, s.name, s.dur, s.depth from slice s join track t on t.id = s.track_id"
        " where t.name like '%crossings' order by s.ts"])
    assert rows == [
        ("cpu 0 crossings", "waits for the lock", 3_000, 0),
        ("cpu 0 crossings", "works for cpu 1", 1_000, 0),
        ("cpu 1 crossings", "waits for cpu 0", 500, 0),
    ]
