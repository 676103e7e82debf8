/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of IPC beside the plain call: one-way messages, calls that do not wait, bytes with a message,
 * answers by another thread. Each with client, server and endpoint on one CPU and on different ones.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#include "partner.h"

/* ---- one way --------------------------------------------------------------------------------- */

static void send_many(void *argument)
{
    struct partner *self = argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct weft_message message = {{i, i * i, ~i, i << 32}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_send(self->endpoint, &message, NULL));
    }
}

static void check_send(uint32_t cpu, uint32_t object)
{
    struct partner partner = {.endpoint = endpoint_on(object)};
    partner_start(&partner, cpu, send_many);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct weft_message message = {{0}};
        uint64_t badge;
        EXPECT_STATUS(STATUS_OK, weft_ipc_receive(partner.endpoint, &message, &badge, NULL));
        EXPECT_EQUAL(i, message.words[0]);
        EXPECT_EQUAL(i * i, message.words[1]);
        EXPECT_EQUAL(~i, message.words[2]);
        EXPECT_EQUAL(i << 32, message.words[3]);
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL)); /* nobody waits for one */
    }
    partner_end(&partner);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
}

TEST(a_message_goes_one_way, "send waits for a receiver and for no answer; order is kept")
{
    everywhere(check_send);
}

TEST(nobody_there, "what was not to wait says so at once, and nothing is left behind")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        uint64_t badge, handle = endpoint_on(cpu);
        struct weft_message message = {{1, 2, 3, 4}};
        struct weft_ipc no_wait = {.flags = WEFT_IPC_NO_WAIT};
        EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_ipc_send(handle, &message, &no_wait));
        EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_ipc_call_with(handle, &message, &no_wait));
        EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_ipc_receive(handle, &message, &badge, &no_wait));
        EXPECT_STATUS(STATUS_WOULD_BLOCK,
                      weft_ipc_reply_receive_with(handle, &message, &badge, &no_wait));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint8_t pattern(uint64_t round, uint64_t index)
{
    return (uint8_t)(round * 31 + index * 7 + (index >> 8));
}

/* Adds one to each byte that comes, and sends them back until the round is 0. */
static void serve_bytes(void *argument)
{
    struct partner *self = argument;
    static uint8_t buffer[IPC_BYTES_MAX + 64];
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {.receive_address = (uint64_t)buffer + 13,
                           .receive_bytes = IPC_BYTES_MAX,
                           .send_address = (uint64_t)buffer + 13};
    for (;;) {
        uint64_t badge;
        status_t status = weft_ipc_reply_receive_with(self->endpoint, &message, &badge, &ipc);
        if (!EXPECT(status >= 0) || message.words[0] == 0) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
            return;
        }
        ipc.send_bytes = WEFT_IPC_BYTES(status);
        EXPECT_EQUAL(message.words[1], ipc.send_bytes);
        for (uint32_t i = 0; i < ipc.send_bytes; i++) {
            buffer[13 + i]++;
        }
    }
}

static void check_bytes(uint32_t cpu, uint32_t object)
{
    static const uint32_t sizes[] = {0, 1, 7, 64, 4000, IPC_BYTES_MAX};
    static uint8_t out[IPC_BYTES_MAX], in[IPC_BYTES_MAX];
    struct partner partner = {.endpoint = endpoint_on(object)};
    struct weft_message stop = {{0}};

    partner_start(&partner, cpu, serve_bytes);
    for (uint64_t round = 1; round <= sizeof(sizes) / sizeof(sizes[0]); round++) {
        uint32_t size = sizes[round - 1];
        struct weft_message message = {{round, size}};
        struct weft_ipc ipc = {.send_address = (uint64_t)out,
                               .send_bytes = size,
                               .receive_address = (uint64_t)in,
                               .receive_bytes = IPC_BYTES_MAX};
        for (uint32_t i = 0; i < size; i++) {
            out[i] = pattern(round, i);
        }
        EXPECT_EQUAL(size, weft_ipc_call_with(partner.endpoint, &message, &ipc));
        for (uint32_t i = 0; i < size; i++) {
            if (!EXPECT_EQUAL((uint8_t)(pattern(round, i) + 1), in[i])) {
                break;
            }
        }
    }
    /* Who has no room gets the words alone; who has little room gets a part. */
    struct weft_message message = {{1, 100}};
    struct weft_ipc blind = {.send_address = (uint64_t)out, .send_bytes = 100};
    EXPECT_EQUAL(0, weft_ipc_call_with(partner.endpoint, &message, &blind));
    struct weft_ipc narrow = blind;
    narrow.receive_address = (uint64_t)in;
    narrow.receive_bytes = 10;
    message = (struct weft_message){{1, 100}};
    EXPECT_EQUAL(10, weft_ipc_call_with(partner.endpoint, &message, &narrow));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(partner.endpoint, &stop));
    partner_end(&partner);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(partner.endpoint));
}

TEST(bytes_travel_with_a_message, "both ways, up to a page, at odd addresses")
{
    everywhere(check_bytes);
}

TEST(bad_extras_are_refused, "addresses, sizes, counts and flags that cannot be")
{
    uint64_t badge, handle = endpoint_on(0);
    struct weft_message message = {{0}};
    struct weft_ipc ipc;

    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_ipc_send(handle, &message, (struct weft_ipc *)8));
    EXPECT_STATUS(STATUS_BAD_ADDRESS,
                  weft_ipc_send(handle, &message, (struct weft_ipc *)(USER_TOP - 8)));
    ipc = (struct weft_ipc){.flags = 2};
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_ipc_call_with(handle, &message, &ipc));
    ipc = (struct weft_ipc){.send_bytes = IPC_BYTES_MAX + 1};
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_ipc_call_with(handle, &message, &ipc));
    ipc = (struct weft_ipc){.receive_bytes = ~0u};
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_ipc_receive(handle, &message, &badge, &ipc));
    ipc = (struct weft_ipc){.send_count = IPC_HANDLES_MAX + 1};
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_ipc_send(handle, &message, &ipc));
    ipc = (struct weft_ipc){.send_bytes = 8, .send_address = 16};
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_ipc_send(handle, &message, &ipc));
    ipc = (struct weft_ipc){.receive_bytes = 8, .receive_address = STARTUP_ADDRESS}; /* read-only */
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_ipc_receive(handle, &message, &badge, &ipc));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_ipc_send(HANDLE_SELF, &message, NULL));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_receive(0, &message, &badge, NULL));
    EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_ipc_reply_to(handle, &message, NULL));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

/* ---- saved callers --------------------------------------------------------------------------- */

static void call_and_add(void *argument)
{
    struct partner *self = argument;
    struct weft_message message = {{self->count}};
    weft_store_release(&self->ready, 1);
    self->status = weft_ipc_call(self->endpoint, &message);
    self->sum = message.words[0];
}

static void check_save(uint32_t cpu, uint32_t object)
{
    uint64_t badge, handle = endpoint_on(object), saved[3];
    struct partner clients[3];
    struct weft_message message = {{0}};

    for (uint64_t i = 0; i < 3; i++) {
        clients[i] = (struct partner){.endpoint = handle, .count = i + 1};
        partner_start(&clients[i], cpu, call_and_add);
        EXPECT_STATUS(STATUS_OK, weft_ipc_receive(handle, &message, &badge, NULL));
        EXPECT_EQUAL(i + 1, message.words[0]);
        if (i == 0) { /* one cannot hold two */
            EXPECT_STATUS(STATUS_BUSY, weft_ipc_receive(handle, &message, &badge, NULL));
        }
        EXPECT_STATUS(STATUS_OK, weft_ipc_reply_save(&saved[i]));
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
    }
    /* Answers in another order; the last one is dropped. */
    message = (struct weft_message){{200}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_to(saved[1], &message, NULL));
    EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply_to(saved[1], &message, NULL));
    message = (struct weft_message){{100}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_to(saved[0], &message, NULL));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(saved[2]));
    for (uint64_t i = 0; i < 3; i++) {
        partner_end(&clients[i]);
        EXPECT_STATUS(i < 2 ? STATUS_OK : STATUS_DEAD, clients[i].status);
        EXPECT_EQUAL(i < 2 ? (i + 1) * 100 : 3, clients[i].sum);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(saved[0]));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(saved[1]));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

TEST(a_caller_can_be_saved, "several callers are answered in any order; who is dropped gets dead")
{
    everywhere(check_save);
}

TEST(saving_needs_a_caller, "no caller, nothing to save; the capability answers and nothing else")
{
    uint64_t handle;
    EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply_save(&handle));
}

KTAP_MAIN
