# SPDX-License-Identifier: Apache-2.0
"""Short stories about a guest, told with synthetic events exactly as the kernel would record them.

Each function takes a Story, lets something happen from its current time on and returns. The cast:
CPU 0 runs `ping` (thread 10 of process `client`), CPU 1 runs `pong` (thread 11 of `server`), and
CPU 0 has `pang` (thread 12 of `server`) as a server on the same core. Endpoint 20 belongs to pong,
21 to pang, notification 30 to pong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from synthetic import Capture

CLIENT, SERVER = 5, 6
PING, PONG, PANG, INTRUDER = 10, 11, 12, 13
PONG_ENDPOINT, PANG_ENDPOINT, NOTIFICATION = 20, 21, 30
COUNTER_NAME, SLICE_NAME = 1, 2
FIRST_REPLY = 1000


@dataclass
class Story:
    """A capture, its clock, and how many messages were sent so far."""

    capture: Capture = field(default_factory=lambda: Capture(cpus=2))
    now: int = 1000
    messages: int = 0
    cross: int = 0
    replies: int = 0
    devices: int = 0

    def __post_init__(self) -> None:
        capture = self.capture
        capture.process(CLIENT, "client", parent=1)
        capture.process(SERVER, "server", parent=1)
        capture.thread(PING, "ping", CLIENT, cpu=0)
        capture.thread(PONG, "pong", SERVER, cpu=1)
        capture.thread(PANG, "pang", SERVER, cpu=0)
        for endpoint in (PONG_ENDPOINT, PANG_ENDPOINT):
            capture.event(0, 0, "object_create", kind="endpoint", object=endpoint, process=SERVER)
        capture.event(1, 0, "object_create", kind="notification", object=NOTIFICATION,
                      process=SERVER)
        capture.name("user", COUNTER_NAME, "progress", process=CLIENT)
        capture.name("user", SLICE_NAME, "work", process=CLIENT)
        # pong and pang have run before and wait for messages; ping starts now.
        self.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
        self.at(1, "switch", state="blocked_receive", previous=PONG, next=Capture.idle(1))
        self.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PANG)
        self.at(0, "switch", state="blocked_receive", previous=PANG, next=Capture.idle(0))
        self.at(0, "wakeup", priority=20, thread=PING, cause=0)
        self.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)

    def at(self, cpu: int, event: str, /, after: int = 100, **values: int | str) -> int:
        """Records an event `after` ns from now and returns its time."""
        self.now += after
        self.capture.event(cpu, self.now, event, **values)
        return self.now

    def message(self) -> int:
        self.messages += 1
        return self.messages

    def reply(self) -> int:
        """The id of a new reply object."""
        self.replies += 1
        return FIRST_REPLY + self.replies


def cross_call(story: Story, doorbell: bool = True, service: int = 700, stays: bool = False,
               stayed: bool = False) -> int:
    """ping calls pong on the other CPU and gets its answer. Returns the message's id.

    With `stays` pong has not yet gone to wait again when all this is over; with `stayed` it does so
    in the very nanosecond in which ping's call is pushed.
    """
    message = story.message()
    story.cross += 1
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    if stayed:
        story.at(1, "switch", after=0, state="blocked_receive", previous=PONG,
                 next=Capture.idle(1))
    if doorbell:
        story.at(0, "doorbell_send", to=1)
    else:
        story.at(0, "doorbell_elide", to=1)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    if doorbell:
        story.at(1, "irq_entry", vector=0x21)
        story.at(1, "doorbell_receive")
        story.at(1, "irq_exit", vector=0x21)
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "ipc_reply", after=service, path="cross", client=PING)
    story.at(1, "mailbox_push", to=0, traveller=PING, why="ipc_reply")
    story.at(1, "doorbell_elide", to=0)
    story.at(0, "mailbox_take", traveller=PING, why="ipc_reply")
    story.at(0, "wakeup", priority=20, thread=PING, cause=PONG)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    if not stays:
        story.at(1, "switch", state="blocked_receive", previous=PONG, next=Capture.idle(1))
    return message


def delayed_call(story: Story, delay: int = 5000, in_service: bool = False) -> int:
    """A cross-core call in whose way `intruder` (thread 13, of the highest priority) wakes up on the
    server's CPU: before pong gets to run, or while it serves."""
    message = story.message()
    story.at(0, "ipc_call", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "doorbell_elide", to=1)
    story.at(0, "switch", state="blocked_call", previous=PING, next=Capture.idle(0))
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    if in_service:
        story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "wakeup", priority=99, thread=INTRUDER, cause=0)
    story.at(1, "switch", state="runnable", previous=PONG if in_service else Capture.idle(1),
             next=INTRUDER)
    story.at(1, "switch", after=delay, state="sleeping", previous=INTRUDER, next=PONG)
    story.at(1, "ipc_reply", after=700, path="cross", client=PING)
    story.at(1, "mailbox_push", to=0, traveller=PING, why="ipc_reply")
    story.at(1, "doorbell_elide", to=0)
    story.at(0, "mailbox_take", traveller=PING, why="ipc_reply")
    story.at(0, "wakeup", priority=20, thread=PING, cause=PONG)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    story.at(1, "switch", state="blocked_receive", previous=PONG, next=Capture.idle(1))
    return message


def direct_call(story: Story) -> int:
    """ping calls pang on its own CPU, by direct switches both ways."""
    message = story.message()
    story.at(0, "ipc_call", path="direct", client=PING, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_deliver", after=5, path="direct", client=PING, server=PANG)
    story.at(0, "switch", after=5, state="blocked_call", previous=PING, next=PANG)
    story.at(0, "ipc_reply", after=200, path="direct", client=PING)
    story.at(0, "switch", after=5, state="blocked_receive", previous=PANG, next=PING)
    return message


def one_way(story: Story) -> int:
    """ping sends to pong on the other CPU, which waits, and goes on when it is home again."""
    message = story.message()
    story.at(0, "ipc_send", path="cross", client=PING, endpoint=PONG_ENDPOINT)
    story.at(0, "mailbox_push", to=1, traveller=PING, why="ipc_call")
    story.at(0, "doorbell_elide", to=1)
    story.at(0, "switch", state="travelling", previous=PING, next=Capture.idle(0))
    story.at(1, "mailbox_take", traveller=PING, why="ipc_call")
    story.at(1, "ipc_deliver", path="cross", client=PING, server=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    story.at(1, "mailbox_push", to=0, traveller=PING, why="return_home")
    story.at(1, "doorbell_elide", to=0)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(0, "mailbox_take", traveller=PING, why="return_home")
    story.at(0, "wakeup", priority=20, thread=PING, cause=PING)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    story.at(1, "switch", after=300, state="blocked_receive", previous=PONG, next=Capture.idle(1))
    return message


def one_way_here(story: Story) -> int:
    """ping sends to pang on its own CPU, which waits; ping goes on at once, pang runs later."""
    message = story.message()
    story.at(0, "ipc_send", path="queued", client=PING, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_deliver", path="queued", client=PING, server=PANG)
    story.at(0, "wakeup", priority=30, thread=PANG, cause=PING)
    story.at(0, "switch", after=500, state="runnable", previous=PING, next=PANG)
    story.at(0, "switch", state="blocked_receive", previous=PANG, next=PING)
    return message


def saved_call(story: Story) -> int:
    """ping calls pang, which sets it aside. pong, which has the reply object, answers from CPU 1: its
    system call travels to CPU 0, where the object lives, and goes on there while the CPU is idle."""
    message = story.message()
    reply = story.reply()
    story.at(0, "ipc_call", path="direct", client=PING, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_deliver", after=5, path="direct", client=PING, server=PANG)
    story.at(0, "switch", after=5, state="blocked_call", previous=PING, next=PANG)
    story.at(0, "object_create", kind="reply", object=reply, process=SERVER)
    story.at(0, "ipc_save", client=PING, reply=reply)
    story.at(0, "switch", state="blocked_receive", previous=PANG, next=Capture.idle(0))
    story.at(1, "wakeup", priority=30, thread=PONG, cause=0)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "mailbox_push", to=0, traveller=PONG, why="remote_call")
    story.at(1, "doorbell_elide", to=0)
    story.at(1, "switch", state="travelling", previous=PONG, next=Capture.idle(1))
    story.at(0, "mailbox_take", traveller=PONG, why="remote_call")
    story.at(0, "ipc_reply", path="queued", client=PING)
    story.at(0, "wakeup", priority=20, thread=PING, cause=PONG)
    story.at(0, "mailbox_push", to=1, traveller=PONG, why="return_home")
    story.at(0, "doorbell_elide", to=1)
    story.at(0, "switch", state="runnable", previous=Capture.idle(0), next=PING)
    story.at(1, "mailbox_take", traveller=PONG, why="return_home")
    story.at(1, "wakeup", priority=30, thread=PONG, cause=0)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "switch", after=300, state="blocked_receive", previous=PONG, next=Capture.idle(1))
    return message


def failed_call(story: Story) -> int:
    """ping calls where nobody waits and does not want to wait itself."""
    message = story.message()
    story.at(0, "ipc_call", path="queued", client=PING, endpoint=PANG_ENDPOINT)
    story.at(0, "ipc_abort", error=14, client=PING)
    return message


def capabilities(story: Story) -> None:
    """The client is given the server's endpoint, and it is taken back."""
    story.at(0, "cap_grant", rights=3, object=PANG_ENDPOINT, process=CLIENT)
    story.at(0, "cap_revoke", mappings=2, object=PANG_ENDPOINT, capabilities=1)


def signal(story: Story) -> None:
    """ping signals the notification that pong waits for on the other CPU."""
    story.at(0, "notification_signal", path="cross", notification=NOTIFICATION, bits=1)
    story.at(0, "mailbox_push", to=1, traveller=NOTIFICATION, why="signal")
    story.at(0, "doorbell_send", to=1)
    story.at(1, "irq_entry", vector=0x21)
    story.at(1, "doorbell_receive")
    story.at(1, "irq_exit", vector=0x21)
    story.at(1, "mailbox_take", traveller=NOTIFICATION, why="signal")
    story.at(1, "notification_deliver", notification=NOTIFICATION, thread=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=PING)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "switch", after=500, state="blocked_notification", previous=PONG,
             next=Capture.idle(1))


def device(story: Story) -> None:
    """A device interrupts CPU 1, where nothing runs; pong, its driver, is signalled and acknowledges."""
    interrupt = FIRST_REPLY - 1
    if not story.devices:
        story.at(1, "object_create", kind="interrupt", object=interrupt, process=SERVER)
        story.at(1, "interrupt_ack", interrupt=interrupt, thread=PONG)
    story.devices += 1
    story.at(1, "irq_entry", vector=0x30)
    story.at(1, "interrupt_signal", vector=0x30, interrupt=interrupt, notification=NOTIFICATION)
    story.at(1, "notification_signal", path="queued", notification=NOTIFICATION, bits=2)
    story.at(1, "notification_deliver", notification=NOTIFICATION, thread=PONG)
    story.at(1, "wakeup", priority=30, thread=PONG, cause=0)
    story.at(1, "irq_exit", vector=0x30)
    story.at(1, "switch", state="runnable", previous=Capture.idle(1), next=PONG)
    story.at(1, "interrupt_ack", interrupt=interrupt, thread=PONG)
    story.at(1, "switch", after=500, state="blocked_notification", previous=PONG,
             next=Capture.idle(1))


def own_events(story: Story) -> None:
    """ping marks a slice around a same-core call, counts, and sets a mark that nobody named."""
    story.at(0, "user_begin", name=SLICE_NAME, value=7)
    direct_call(story)
    story.at(0, "user_counter", name=COUNTER_NAME, value=story.messages)
    story.at(0, "user_instant", name=99, value=3)
    story.at(0, "user_end", name=SLICE_NAME, value=7)


def timer(story: Story) -> None:
    """The timer fires on CPU 0 while ping runs and ends its time slice in favour of pang."""
    story.at(0, "irq_entry", vector=0x20)
    story.at(0, "timer", ended=1, slice_ended=1)
    story.at(0, "wakeup", priority=20, thread=PANG, cause=0)
    story.at(0, "irq_exit", vector=0x20)
    story.at(0, "switch", state="runnable", previous=PING, next=PANG)
    story.at(0, "switch", after=300, state="blocked_receive", previous=PANG, next=PING)


def system_call(story: Story) -> None:
    """ping makes a system call that changes nothing."""
    story.at(0, "syscall_entry", number=0, thread=PING)
    story.at(0, "syscall_exit", number=0, thread=PING, status=0)


def handled_fault(story: Story) -> int:
    """ping reads where nothing is; pang, which its process's fault endpoint names, lets it go on."""
    story.at(0, "page_fault", error=4, address=0xDEAD000)
    return direct_call(story)


def fault(story: Story) -> None:
    """ping reads where nothing is: its process ends."""
    story.at(0, "page_fault", error=4, address=0xDEAD000)
    story.at(0, "process_exit", cause="fault", process=CLIENT, status=14)
    story.at(0, "thread_exit", thread=PING, status=0)
    story.at(0, "switch", state="exited", previous=PING, next=Capture.idle(0))


def whole(rounds: int = 20) -> Story:
    """All of the above, in turn."""
    story = Story()
    for index in range(rounds):
        cross_call(story, doorbell=index % 2 == 0)
        direct_call(story)
        own_events(story)
        signal(story)
        timer(story)
        system_call(story)
        handled_fault(story)
        one_way(story)
        one_way_here(story)
        saved_call(story)
        failed_call(story)
        device(story)
        capabilities(story)
    fault(story)
    return story
