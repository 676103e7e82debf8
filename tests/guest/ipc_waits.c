/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits for what: for a message or a notification, whichever comes first; for a signal while giving
 * one; and which of several waiting servers gets the message.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#include "partner.h"

/* ---- whichever comes first ------------------------------------------------------------------- */

static void signal_then_call(void *argument)
{
    struct partner *self = argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct weft_message message = {{i}};
        if (i % 2 == 0) {
            EXPECT_STATUS(STATUS_OK, weft_notification_signal(self->other, i));
        }
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(self->endpoint, &message));
        EXPECT_EQUAL(i + 1, message.words[0]);
    }
}

static void check_any(uint32_t cpu, uint32_t object)
{
    struct partner partner = {.endpoint = endpoint_on(object), .other = notification_on(object)};
    struct weft_ipc ipc = {.notification = (uint32_t)partner.other};
    uint64_t bits = 0, calls = 0;

    partner_start(&partner, cpu, signal_then_call);
    while (calls < ROUNDS) {
        struct weft_message message = {{0}};
        uint64_t badge;
        status_t status = weft_ipc_receive(partner.endpoint, &message, &badge, &ipc);
        if (status == WEFT_IPC_NOTIFIED) {
            EXPECT(badge != 0 && badge % 2 == 0);
            bits |= badge;
            continue;
        }
        if (!EXPECT_STATUS(STATUS_OK, status)) {
            break;
        }
        EXPECT_EQUAL(++calls, message.words[0]);
        message.words[0]++;
        EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
    }
    partner_end(&partner);
    EXPECT_EQUAL(0x1e, bits); /* all of 2, 4 .. 20 together */
    /* It does not wait there any more. */
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(partner.other, 1));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(partner.other, 0, &bits));
    EXPECT_EQUAL(1, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.other));
}

TEST(either_ends_the_wait, "a receiver gets the message or the bits, and loses neither")
{
    everywhere(check_any);
}

TEST(either_needs_one_cpu, "the notification must live where the endpoint does, and be readable")
{
    uint64_t badge, writer, handle = endpoint_on(0);
    uint64_t here = notification_on(0);
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};

    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, here, RIGHT_WRITE, 0, &writer));
    ipc.notification = (uint32_t)writer;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_ipc_receive(handle, &message, &badge, &ipc));
    ipc.notification = (uint32_t)handle;
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_ipc_receive(handle, &message, &badge, &ipc));
    if (cpu_count() > 1) {
        uint64_t there = notification_on(1);
        ipc.notification = (uint32_t)there;
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_ipc_receive(handle, &message, &badge, &ipc));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(there));
    }
    ipc.notification = (uint32_t)here;
    EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_ipc_receive(handle, &message, &badge, &ipc));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(here, 4));
    EXPECT_STATUS(WEFT_IPC_NOTIFIED, weft_ipc_receive(handle, &message, &badge, &ipc));
    EXPECT_EQUAL(4, badge);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(here));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

/* ---- taking turns ---------------------------------------------------------------------------- */

static void take_turns(void *argument)
{
    struct partner *self = argument;
    uint64_t bits;
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(self->endpoint, 0, &bits));
    for (uint64_t i = 1; i < ROUNDS; i++) {
        EXPECT_EQUAL(i, bits);
        EXPECT_STATUS(STATUS_OK,
                      weft_notification_signal_wait(self->other, i, self->endpoint, &bits));
    }
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(self->other, ROUNDS));
}

static void check_turns(uint32_t cpu, uint32_t object)
{
    struct partner partner = {.endpoint = notification_on(cpu), .other = notification_on(object)};
    partner_start(&partner, cpu, take_turns);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t bits;
        EXPECT_STATUS(STATUS_OK,
                      weft_notification_signal_wait(partner.endpoint, i, partner.other, &bits));
        EXPECT_EQUAL(i, bits);
    }
    partner_end(&partner);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.other));
}

TEST(signal_and_wait_in_one, "two threads take turns, on one CPU and across")
{
    everywhere(check_turns);
}

TEST(signal_and_wait_need_both_rights, "of the first to write, of the second to read")
{
    uint64_t bits, reader, writer, handle = notification_on(0);
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_READ, 0, &reader));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_WRITE, 0, &writer));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_notification_signal_wait(reader, 1, handle, &bits));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_notification_signal_wait(handle, 1, writer, &bits));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_notification_signal_wait(0, 1, handle, &bits));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_notification_signal_wait(handle, 1, HANDLE_SELF, &bits));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal_wait(writer, 8, reader, &bits)); /* oneself */
    EXPECT_EQUAL(8, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

/* ---- several servers ------------------------------------------------------------------------- */

static uint32_t cpu_served; /* atomic: CPU number + 1 of the server that took the last call */

static void serve_on_cpu(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    weft_store_release(&self->ready, 1);
    while (weft_ipc_reply_receive(self->endpoint, &message, &badge) == STATUS_OK &&
           message.words[0] != 0) {
        message.words[0] = self->count;
    }
    (void)weft_ipc_reply(&message, NULL);
}

static void ask_who(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{1}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(self->endpoint, &message));
    weft_store_release(&cpu_served, (uint32_t)message.words[0]);
}

static _Bool served_locally(uint64_t handle, uint32_t cpu)
{
    struct partner client = {.endpoint = handle};
    partner_start(&client, cpu, ask_who);
    partner_end(&client);
    return weft_load_acquire(&cpu_served) == cpu + 1;
}

/* First come, first served would give the calls of one CPU to different servers. That the local one is
 * back in its queue before the next call is likely, not certain: so it may take some attempts. */
TEST(the_local_server_comes_first, "of several servers, the one on the client's CPU takes the call")
{
    uint32_t cpus = cpu_count() < 4 ? cpu_count() : 4;
    uint64_t handle = endpoint_on(0);
    struct partner servers[4];

    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        servers[cpu] = (struct partner){.endpoint = handle, .count = cpu + 1};
        partner_start(&servers[cpu], cpu, serve_on_cpu);
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        uint32_t in_a_row = 0;
        for (uint32_t attempt = 0; attempt < 500 && in_a_row < 4; attempt++) {
            in_a_row = served_locally(handle, cpu) ? in_a_row + 1 : 0;
        }
        EXPECT_EQUAL(4, in_a_row);
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        struct weft_message stop = {{0}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(handle, &stop));
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        partner_end(&servers[cpu]);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

KTAP_MAIN
