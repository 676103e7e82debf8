# SPDX-License-Identifier: Apache-2.0
"""The checker on categories that go off and come back: what was not recorded is held against nobody, and
what is recorded again is looked at again."""

from __future__ import annotations

import stories
from stories import PING, Story
from verdict import check

EVERYTHING, NO_SMP, NO_IRQ, NO_SYSCALL = 0xFF, 0xFF & ~4, 0xFF & ~8, 0xFF & ~0x20


def test_categories_that_are_off_excuse_what_is_missing(tool, tmp_path):
    story = Story()
    stories.cross_call(story)
    for cpu in (0, 1):
        story.at(cpu, "mask", mask=NO_SMP)
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")  # its push was not recorded
    for cpu in (0, 1):
        story.at(cpu, "mask", mask=EVERYTHING)
    stories.cross_call(story)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text


def test_interrupts_may_come_back_in_the_middle_of_one(tool, tmp_path):
    """trace_control's thread arrives by a doorbell: a CPU follows the mask inside that interrupt, and ends
    it before the last CPU has followed."""
    story = Story()
    stories.cross_call(story)  # with a whole interrupt of CPU 1
    for cpu in (1, 0):
        story.at(cpu, "mask", mask=NO_IRQ)
    story.at(1, "mask", mask=EVERYTHING)
    story.at(1, "irq_exit", vector=33)
    story.at(0, "mask", mask=EVERYTHING)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text
    story.at(1, "irq_entry", vector=33)
    story.at(1, "irq_exit", vector=33)
    story.at(1, "irq_exit", vector=33)
    code, text = check(tool, tmp_path, story)
    assert code == 1 and "interrupt 33 ends without having begun" in text, text


def test_interrupts_may_go_in_the_middle_of_one(tool, tmp_path):
    story = Story()
    story.at(1, "irq_entry", vector=33)
    story.at(1, "mask", mask=NO_IRQ)
    story.at(1, "mask", mask=EVERYTHING)
    story.at(1, "irq_entry", vector=32)
    story.at(1, "irq_exit", vector=32)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text
    story.at(1, "irq_exit", vector=33)  # it has ended unseen
    code, text = check(tool, tmp_path, story)
    assert code == 1 and "interrupt 33 ends without having begun" in text, text


def test_a_system_call_may_end_where_none_are_recorded(tool, tmp_path):
    story = Story()
    story.at(0, "syscall_entry", number=1, thread=PING)
    for cpu in (1, 0):
        story.at(cpu, "mask", mask=NO_SYSCALL)
    story.at(0, "mask", mask=EVERYTHING)
    story.at(0, "syscall_entry", number=0, thread=PING)
    story.at(0, "syscall_exit", number=0, thread=PING, status=0)
    story.at(1, "mask", mask=EVERYTHING)
    story.at(0, "syscall_entry", number=1, thread=PING)
    code, text = check(tool, tmp_path, story)
    assert code == 0, text
    story.at(0, "syscall_entry", number=1, thread=PING)
    code, text = check(tool, tmp_path, story)
    assert code == 1 and "enters a system call inside another" in text, text
