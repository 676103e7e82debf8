/* SPDX-License-Identifier: Apache-2.0
 *
 * A client, a server or both are killed at random moments while calls with bytes and capabilities go
 * back and forth between CPUs. The survivor gets its answer or its error, never a hang: a client whose
 * server is gone gets `dead`, a server whose client is gone serves the next one. Afterwards all memory
 * is back, to the page.
 *
 * Several stages play at once, each with a pair of light processes (light.h) in turn. They belong to
 * the arena, a process of its own, so that the test's memory is comparable before and after.
 *
 * Words of the kernel's command line: seed=N chooses the moments, kills=N how many. What was done is
 * printed as a record for `weft explore`, which adds up the seeds' (docs/testing.md).
 *
 * weft-test: cpus=4 append="kills=1500" timeout=180
 * weft-test: cpus=2 append="kills=700 doorbell=elide" seed=2 timeout=180
 * weft-test: cpus=1 append="kills=500" seed=3 timeout=180
 * weft-test: cpus=8 append="kills=500" seed=4 timeout=180
 * weft-test: cpus=4 accel=icount seed=1,2,3,4 timeout=120
 */
#define PROGRAM "test_kills"
#include "light.h"

#include "exact.h"

#include "weft/random.h"

#define STAGES 3
#define KILLS 30
#define ARENA_PAGES 1200
#define BYTES 192
#define PROBE 0x70726f6265ull /* word 2 of the stage's own call */
#define CLIENT_ENDED 1
#define SERVER_ENDED 2

enum outcome { RUNNING, GOT_DEAD, WRONG };

/* What one stage and its pair share: a part of the page at LIGHT_PAGE. */
struct slot {
    uint64_t client_endpoint; /* handles, in the tables of those that use them */
    uint64_t client_gift;
    uint64_t server_endpoint;
    uint64_t server_gift;
    volatile uint64_t answered;     /* atomic: calls that the client got answers to */
    volatile uint64_t outcome;      /* atomic: of the client */
    volatile uint64_t server_wrong; /* atomic: something that cannot be came to the server */
};

/* ---- the pair ---------------------------------------------------------------------------------- */

static void delete_received(const struct weft_ipc *ipc, status_t status)
{
    for (uint32_t i = 0; i < WEFT_IPC_HANDLES(status) && i < IPC_HANDLES_MAX; i++) {
        if (ipc->receive_handles[i] != 0) {
            (void)weft_cap_delete(ipc->receive_handles[i]);
        }
    }
}

/* How the calls go, in turn: plain, with capabilities, with bytes, with both. */
static void pack(struct weft_ipc *ipc, uint64_t turn, uint64_t gift, const uint8_t *bytes)
{
    *ipc = (struct weft_ipc){
        .send_address = (uint64_t)bytes,
        .send_bytes = (turn & 2) != 0 ? BYTES : 0,
        .send_count = (turn & 1) != 0 ? 2 : 0,
        .receive_count = IPC_HANDLES_MAX,
    };
    for (unsigned i = 0; i < 2; i++) {
        ipc->send_handles[i] = (uint32_t)gift;
        ipc->send_rights[i] = RIGHT_WRITE;
    }
}

static void client(uint64_t argument)
{
    struct slot *slot = (struct slot *)argument;
    uint8_t bytes[BYTES] = {0};
    for (uint64_t turn = 1;; turn++) {
        struct weft_message message = {{turn, ~turn, 0, turn * 3}};
        struct weft_ipc ipc;
        pack(&ipc, turn, slot->client_gift, bytes);
        status_t status = turn % 4 == 0 ? weft_ipc_call(slot->client_endpoint, &message)
                                        : weft_ipc_call_with(slot->client_endpoint, &message, &ipc);
        if (status >= 0 && message.words[0] == turn + 1 && message.words[1] == ~turn) {
            delete_received(&ipc, status);
            slot->answered = turn;
            continue;
        }
        slot->outcome = status == STATUS_DEAD ? GOT_DEAD : WRONG;
        weft_exit(0);
    }
}

static void server(uint64_t argument)
{
    struct slot *slot = (struct slot *)argument;
    uint8_t bytes[BYTES];
    struct weft_message message = {{0}};
    struct weft_ipc ipc;
    uint64_t badge;
    pack(&ipc, 0, slot->server_gift, bytes);
    for (;;) {
        ipc.receive_address = (uint64_t)bytes;
        ipc.receive_bytes = BYTES;
        status_t status =
            weft_ipc_reply_receive_with(slot->server_endpoint, &message, &badge, &ipc);
        if (status < 0 || message.words[1] != ~message.words[0]) {
            slot->server_wrong = 1;
            weft_exit(1);
        }
        delete_received(&ipc, status);
        pack(&ipc, message.words[0] >> 2, slot->server_gift, bytes);
        message.words[0]++;
    }
}

/* ---- a stage ----------------------------------------------------------------------------------- */

struct stage {
    struct slot *slot;
    struct weft_random random;
    uint64_t stacks[2];
    uint64_t gift;  /* a notification to hand out */
    uint64_t ended; /* notification: CLIENT_ENDED, SERVER_ENDED */
    uint64_t has_ended;
    uint64_t endpoint;
    uint64_t client, server; /* processes */
    uint32_t kills;          /* still to do */
    uint32_t done[3];        /* by what was killed: client, server, both */
    uint64_t calls;          /* that were answered */
    uint32_t failed;         /* line; 0: none */
};

static struct light_image image;
static struct stage stages[STAGES];

#define NEED(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            stage->failed = __LINE__;                                                              \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static uint32_t some_cpu(struct stage *stage)
{
    return (uint32_t)weft_random_below(&stage->random, cpu_count());
}

/* Waits until the process with this bit has ended. */
static void wait_end(struct stage *stage, uint64_t bit)
{
    while ((stage->has_ended & bit) == 0) {
        uint64_t bits;
        NEED(weft_notification_wait(stage->ended, 0, &bits) == STATUS_OK);
        stage->has_ended |= bits;
    }
}

static void pair_start(struct stage *stage)
{
    struct slot *slot = stage->slot;
    uint32_t cpu = some_cpu(stage);
    *slot = (struct slot){0};
    stage->has_ended = 0;
    NEED(weft_endpoint_create(some_cpu(stage), &stage->endpoint) == STATUS_OK);
    NEED(light_create(&image, stage->stacks[0], stage->ended, CLIENT_ENDED, &stage->client) ==
         STATUS_OK);
    NEED(light_create(&image, stage->stacks[1], stage->ended, SERVER_ENDED, &stage->server) ==
         STATUS_OK);
    NEED(weft_cap_copy(stage->server, stage->endpoint, RIGHT_READ, 0, &slot->server_endpoint) ==
         STATUS_OK);
    NEED(weft_cap_copy(stage->client, stage->endpoint, RIGHT_WRITE, 0, &slot->client_endpoint) ==
         STATUS_OK);
    NEED(weft_cap_copy(stage->client, stage->gift, RIGHT_WRITE | RIGHT_COPY, 0,
                       &slot->client_gift) == STATUS_OK);
    NEED(weft_cap_copy(stage->server, stage->gift, RIGHT_WRITE | RIGHT_COPY, 0,
                       &slot->server_gift) == STATUS_OK);
    /* The stage keeps the right to call only: when the server is gone, nobody can receive. */
    uint64_t to_call;
    NEED(weft_cap_copy(HANDLE_SELF, stage->endpoint, RIGHT_WRITE, 0, &to_call) == STATUS_OK);
    NEED(weft_cap_delete(stage->endpoint) == STATUS_OK);
    stage->endpoint = to_call;
    NEED(light_run(stage->server, cpu, server, (uint64_t)slot) == STATUS_OK);
    NEED(light_run(stage->client,
                   (cpu + 1 + (uint32_t)weft_random_below(&stage->random, 2)) % cpu_count(), client,
                   (uint64_t)slot) == STATUS_OK);
}

/* Until the moment for the kill. */
static void let_play(struct stage *stage)
{
    uint64_t until = weft_random_below(&stage->random, 4) * 2;
    while (stage->slot->answered < until && stage->slot->outcome == RUNNING) {
        weft_sleep_for(20);
    }
    for (uint64_t i = weft_random_below(&stage->random, 150); i > 0; i--) {
        weft_pause();
    }
}

/* The server has lost its client, and serves the next. */
static void probe_server(struct stage *stage)
{
    struct weft_message message = {{40, ~40ull, PROBE, 0}};
    NEED(weft_ipc_call(stage->endpoint, &message) == STATUS_OK);
    NEED(message.words[0] == 41 && message.words[2] == PROBE);
}

static void kill_client(struct stage *stage)
{
    NEED(weft_process_kill(stage->client) == STATUS_OK);
    wait_end(stage, CLIENT_ENDED);
    probe_server(stage);
    NEED(stage->slot->server_wrong == 0 && stage->slot->outcome == RUNNING);
    NEED(weft_process_kill(stage->server) == STATUS_OK);
    wait_end(stage, SERVER_ENDED);
}

static void kill_server(struct stage *stage)
{
    struct weft_message message = {{0}};
    NEED(weft_process_kill(stage->server) == STATUS_OK);
    wait_end(stage, CLIENT_ENDED); /* by itself, when it got its error */
    NEED(stage->slot->outcome == GOT_DEAD);
    wait_end(stage, SERVER_ENDED);
    NEED(stage->slot->server_wrong == 0);
    NEED(weft_ipc_call(stage->endpoint, &message) == STATUS_DEAD);
}

static void kill_both(struct stage *stage)
{
    _Bool client_first = weft_random_below(&stage->random, 2);
    NEED(weft_process_kill(client_first ? stage->client : stage->server) == STATUS_OK);
    NEED(weft_process_kill(client_first ? stage->server : stage->client) == STATUS_OK);
    wait_end(stage, CLIENT_ENDED);
    wait_end(stage, SERVER_ENDED);
    NEED(stage->slot->server_wrong == 0 && stage->slot->outcome != WRONG);
}

static void play(void *argument)
{
    struct stage *stage = argument;
    static void (*const kills[])(struct stage *) = {kill_client, kill_server, kill_both};
    for (; stage->kills > 0; stage->kills--) {
        pair_start(stage);
        if (stage->failed == 0) {
            uint64_t what = weft_random_below(&stage->random, 3);
            let_play(stage);
            kills[what](stage);
            stage->done[what]++;
            stage->calls += stage->slot->answered;
        }
        NEED(stage->failed == 0);
        NEED(weft_cap_delete(stage->client) == STATUS_OK);
        NEED(weft_cap_delete(stage->server) == STATUS_OK);
        NEED(weft_cap_delete(stage->endpoint) == STATUS_OK);
    }
}

static _Bool stage_open(struct stage *stage, uint64_t index, uint64_t seed, uint32_t kills)
{
    *stage = (struct stage){.slot = (struct slot *)LIGHT_PAGE + index,
                            .random = {seed * STAGES + index},
                            .kills = kills};
    return weft_memory_create(LIGHT_STACK_PAGES, &stage->stacks[0]) == STATUS_OK &&
           weft_memory_create(LIGHT_STACK_PAGES, &stage->stacks[1]) == STATUS_OK &&
           weft_notification_create(some_cpu(stage), &stage->gift) == STATUS_OK &&
           weft_notification_create(some_cpu(stage), &stage->ended) == STATUS_OK;
}

static void report(void)
{
    uint64_t calls = 0;
    uint32_t done[3] = {0};
    for (unsigned i = 0; i < STAGES; i++) {
        calls += stages[i].calls;
        for (unsigned what = 0; what < 3; what++) {
            done[what] += stages[i].done[what];
        }
    }
    weft_print("@weft {\"record\":\"count\",\"kills\":%u,\"of a client\":%u,\"of a server\":%u,"
               "\"of both\":%u,\"calls answered\":%lu}\n",
               done[0] + done[1] + done[2], done[0], done[1], done[2], calls);
}

/* `value`: kills << 32 | seed. Returns the line of what went wrong, modulo 256, or 0. */
static int role_arena(uint64_t value)
{
    uint64_t page;
    struct weft_group group;
    if (weft_memory_create(1, &page) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, page, LIGHT_PAGE, 0, 1, RIGHT_READ | RIGHT_WRITE) !=
            STATUS_OK ||
        !light_prepare(&image, page) || weft_group_open(&group) != STATUS_OK) {
        return 1;
    }
    for (uint64_t i = 0; i < STAGES; i++) {
        uint32_t kills = (uint32_t)((value >> 32) + STAGES - 1 - i) / STAGES;
        if (!stage_open(&stages[i], i, (uint32_t)value, kills) ||
            weft_thread_start(&group, "stage", (uint32_t)i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                              play, &stages[i]) != STATUS_OK) {
            return 2;
        }
    }
    weft_group_wait(&group);
    for (unsigned i = 0; i < STAGES; i++) {
        if (stages[i].failed != 0) {
            weft_print("# kills.c:%u: failed in stage %u\n", stages[i].failed, i);
            return 3;
        }
    }
    report();
    return 0;
}

/* ---- the test ---------------------------------------------------------------------------------- */

static void arena_run(uint64_t seed, uint64_t kills)
{
    struct child arena;
    struct child_options options = {.value = kills << 32 | (uint32_t)seed, .pages = ARENA_PAGES};
    struct weft_grant grants[] = {
        {"initrd", weft_capability("initrd"), RIGHT_READ | RIGHT_COPY, 0},
    };
    REQUIRE(child_start_with(&arena, "arena", 0, grants, 1, &options));
    struct weft_end end = child_wait(&arena);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(&arena);
}

TEST(nobody_hangs_on_the_dead,
     "clients and servers die in the middle of calls; who is left gets an answer or an error")
{
    uint64_t first = free_pages();
    check_cpus();
    arena_run(0, STAGES);
    uint64_t pages = settled_pages(first);
    arena_run(weft_argument_number("seed", 1), weft_argument_number("kills", KILLS));
    check_memory(pages);
    weft_print("@weft {\"record\":\"count\",\"pages lost\":%ld}\n",
               (int64_t)(pages - free_pages()));
    check_cpus();
}

static const struct role roles[] = {{"arena", role_arena}};
ROLES_MAIN(roles)
