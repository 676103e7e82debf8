/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits that end by the clock: of each form of IPC, wherever client, server and endpoint live, queued,
 * held by a server, or saved. Who is late finds nobody, and nothing is left behind.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#include "partner.h"

#include "weft/time.h"

#define SOON 300      /* microseconds */
#define LATER 1000000 /* far beyond what a test takes */

static struct weft_ipc until(uint64_t microseconds)
{
    return (struct weft_ipc){.deadline = weft_deadline(microseconds)};
}

/* ---- nobody comes ----------------------------------------------------------------------------- */

static void check_nobody(uint32_t cpu, uint32_t object)
{
    uint64_t badge, handle = endpoint_on(object);
    struct weft_message message = {{1, 2, 3, 4}};
    struct weft_ipc ipc = until(SOON);

    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(cpu));
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_call_with(handle, &message, &ipc));
    EXPECT(weft_cycles() >= ipc.deadline);
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_send(handle, &message, &ipc)); /* it is past already */
    ipc = until(SOON);
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_send(handle, &message, &ipc));
    ipc = until(SOON);
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_receive(handle, &message, &badge, &ipc));
    EXPECT(weft_cycles() >= ipc.deadline);
    ipc = until(SOON);
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_reply_receive_with(handle, &message, &badge, &ipc));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

TEST(nobody_comes_in_time, "call, send and receive end at the deadline and not before")
{
    everywhere(check_nobody);
    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(0));
}

static void check_either(uint32_t cpu, uint32_t object)
{
    uint64_t bits, badge, handle = endpoint_on(object), other = notification_on(object);
    struct weft_message message = {{0}};
    struct weft_ipc ipc = until(SOON);

    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(cpu));
    ipc.notification = (uint32_t)other;
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_receive(handle, &message, &badge, &ipc));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(other, 2)); /* nobody waits there now */
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(other, 0, &bits));
    EXPECT_EQUAL(2, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(other));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

static void check_no_signal(uint32_t cpu, uint32_t object)
{
    uint64_t bits, deadline = weft_deadline(SOON), handle = notification_on(object);

    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(cpu));
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_notification_wait(handle, deadline, &bits));
    EXPECT(weft_cycles() >= deadline);
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 4));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(handle, weft_deadline(LATER), &bits));
    EXPECT_EQUAL(4, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

TEST(no_signal_in_time, "a wait for a notification ends at the deadline; bits that are there count")
{
    everywhere(check_no_signal);
    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(0));
}

TEST(neither_comes_in_time, "a receiver that waits for a message or bits leaves both")
{
    everywhere(check_either);
    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(0));
}

/* ---- somebody comes --------------------------------------------------------------------------- */

static void answer_many(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{0}};
    struct weft_ipc ipc = until(LATER);
    for (uint64_t i = 0; i <= ROUNDS; i++) {
        uint64_t badge;
        EXPECT_STATUS(STATUS_OK,
                      weft_ipc_reply_receive_with(self->endpoint, &message, &badge, &ipc));
        message.words[0]++;
    }
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

static void check_in_time(uint32_t cpu, uint32_t object)
{
    struct partner partner = {.endpoint = endpoint_on(object)};
    partner_start(&partner, cpu, answer_many);
    for (uint64_t i = 0; i <= ROUNDS; i++) {
        struct weft_message message = {{i}};
        struct weft_ipc ipc = until(LATER);
        EXPECT_STATUS(STATUS_OK, i % 2 == 0 ? weft_ipc_call_with(partner.endpoint, &message, &ipc)
                                            : weft_ipc_call(partner.endpoint, &message));
        EXPECT_EQUAL(i + 1, message.words[0]);
    }
    partner_end(&partner);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
}

TEST(who_is_in_time_notices_nothing, "timed and plain calls in turn, both sides timed")
{
    everywhere(check_in_time);
}

#define MET 20000 /* microseconds: a deadline that is met */

static void send_and_wait(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{1, 2, 3, 4}};
    struct weft_ipc ipc = until(MET);
    uint64_t bits;
    EXPECT_STATUS(STATUS_OK, weft_ipc_send(self->endpoint, &message, &ipc));
    EXPECT_STATUS(STATUS_OK,
                  weft_notification_wait(self->other, 0, &bits)); /* beyond the deadline */
}

/* The sender waits in the queue first, with its deadline; then it is taken, long before. */
static void check_met(uint32_t cpu, uint32_t object)
{
    struct partner partner = {.endpoint = endpoint_on(object), .other = notification_on(object)};
    struct weft_message message = {{0}};
    struct weft_ipc ipc = until(LATER);
    uint64_t badge;
    partner_start(&partner, cpu, send_and_wait);
    weft_sleep_for(SOON);
    EXPECT_STATUS(STATUS_OK, weft_ipc_receive(partner.endpoint, &message, &badge, &ipc));
    weft_sleep_for(MET + SOON);
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(partner.other, 1));
    partner_end(&partner);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.other));
}

TEST(a_deadline_that_was_met_is_over,
     "a sender that was taken in time hears no more of its deadline")
{
    everywhere(check_met);
}

/* ---- the server takes too long ---------------------------------------------------------------- */

static void answer_late(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{0}};
    uint64_t badge, handle;
    _Bool saved;
    EXPECT_STATUS(STATUS_OK, weft_ipc_receive(self->endpoint, &message, &badge, NULL));
    weft_store_release(&self->ready, 1);
    /* Without a caller where that has given up already. */
    saved = self->count != 0 && weft_ipc_reply_save(&handle) == STATUS_OK;
    while (weft_load_acquire(&self->ready) != 2) { /* until the client has given up */
        (void)weft_yield();
        weft_pause();
    }
    if (saved) {
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply_to(handle, &message, NULL));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    } else {
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
    }
}

static void check_late(uint32_t cpu, uint32_t object)
{
    for (uint64_t saves = 0; saves < 2; saves++) {
        struct partner partner = {.endpoint = endpoint_on(object), .count = saves};
        struct weft_message message = {{1}};
        struct weft_ipc ipc;
        partner_start(&partner, cpu, answer_late);
        ipc = until(SOON);
        EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_call_with(partner.endpoint, &message, &ipc));
        while (!weft_load_acquire(&partner.ready)) { /* it gave up before the server came */
            ipc = until(SOON);
            EXPECT_STATUS(STATUS_TIMED_OUT, weft_ipc_call_with(partner.endpoint, &message, &ipc));
        }
        weft_store_release(&partner.ready, 2);
        partner_end(&partner);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
    }
}

TEST(a_late_server_finds_nobody, "the client is gone from a server that holds it, or has saved it")
{
    everywhere(check_late);
}

KTAP_MAIN
