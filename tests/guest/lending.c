/* SPDX-License-Identifier: Apache-2.0
 *
 * A server runs with the time and the priority of its client: neither lower nor higher, through
 * chains of servers, on one CPU and across, and no longer than the client waits for it.
 *
 * weft-test: cpus=1,4
 * weft-test: cpus=1,4 accel=icount
 * weft-test: cpus=4 accel=icount seed=1,2,3
 */
#define PROGRAM "test_lending"
#include "child.h"

#include "weft/atomic.h"

#define LOW 5
#define MIDDLE 10
#define HIGH 15
#define ROUNDS 20
#define SERVERS 3

/* Spins at the middle priority and counts; what it counts meanwhile shows who could run beside it. */
struct rival {
    uint32_t stop; /* atomic */
    uint32_t go;   /* atomic */
    uint64_t turns;
};

static void rival_spin(void *argument)
{
    struct rival *rival = argument;
    weft_store_release(&rival->go, 1);
    while (!weft_load_acquire(&rival->stop)) {
        weft_store64_release(&rival->turns, weft_load64_acquire(&rival->turns) + 1);
        weft_pause();
    }
}

static void work(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        weft_pause();
    }
}

struct server {
    uint64_t endpoint;
    uint64_t next; /* whom it asks itself; 0: nobody */
    struct rival *rival;
    uint64_t seen;   /* turns of the rival while it worked */
    uint32_t served; /* atomic */
};

static void serve(void *argument)
{
    struct server *server = argument;
    struct weft_message message = {{0}};
    uint64_t badge;

    while (weft_ipc_reply_receive(server->endpoint, &message, &badge) == STATUS_OK &&
           message.words[0] != 0) {
        uint64_t before = weft_load64_acquire(&server->rival->turns);

        work(50);
        if (server->next != 0) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_call(server->next, &message));
        }
        weft_fetch_add(&server->served, 1);
        (void)weft_yield();
        work(50);
        server->seen += weft_load64_acquire(&server->rival->turns) - before;
        message.words[0]++;
    }
    (void)weft_ipc_reply(&message, NULL);
}

struct client {
    uint64_t endpoint;
    uint32_t rounds;
};

static void call_often(void *argument)
{
    struct client *client = argument;
    for (uint32_t i = 0; i < client->rounds; i++) {
        struct weft_message message = {{1}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(client->endpoint, &message));
    }
}

/* A chain of servers of one priority on one CPU, a rival there, and a client of another priority on
 * the CPU `from`. The rival must not run while somebody serves. */
static void serve_beside_a_rival(uint32_t from, uint32_t client_priority, uint32_t server_priority)
{
    uint32_t cpu = other_cpu();
    struct weft_group servers, others, clients;
    struct rival rival = {0};
    struct server chain[SERVERS] = {{0}};
    struct client client = {0, ROUNDS};
    struct weft_message first = {{1}};
    uint64_t seen = 0;

    REQUIRE_STATUS(STATUS_OK, weft_group_open(&servers));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&others));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&clients));
    for (unsigned i = 0; i < SERVERS; i++) {
        chain[i].rival = &rival;
        EXPECT_STATUS(STATUS_OK, weft_endpoint_create(cpu, &chain[i].endpoint));
        chain[i].next = i == 0 ? 0 : chain[i - 1].endpoint;
        EXPECT_STATUS(STATUS_OK, weft_thread_start(&servers, "server", cpu, server_priority, serve,
                                                   &chain[i]));
    }
    client.endpoint = chain[SERVERS - 1].endpoint;
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(client.endpoint, &first)); /* afterwards all wait */
    EXPECT_STATUS(STATUS_OK, weft_thread_start(&others, "rival", cpu, MIDDLE, rival_spin, &rival));
    while (!weft_load_acquire(&rival.go)) {
        weft_sleep_for(100);
    }
    EXPECT_STATUS(STATUS_OK, weft_thread_start(&clients, "client", from, client_priority,
                                               call_often, &client));
    if (client_priority < MIDDLE) { /* its servers can only get on when the rival is gone */
        weft_sleep_for(5000);
        EXPECT_EQUAL(1, weft_load_acquire(&chain[0].served));
        weft_store_release(&rival.stop, 1);
    }
    weft_group_wait(&clients);
    weft_store_release(&rival.stop, 1);
    weft_group_wait(&others);
    for (unsigned i = 0; i < SERVERS; i++) {
        struct weft_message message = {{0}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(chain[i].endpoint, &message));
        seen += chain[i].seen;
    }
    weft_group_wait(&servers);
    for (unsigned i = 0; i < SERVERS; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[i].endpoint));
    }
    weft_group_close(&servers);
    weft_group_close(&others);
    weft_group_close(&clients);
    EXPECT_EQUAL(0, seen);
}

TEST(a_server_is_as_urgent_as_its_client,
     "who is less important than the client does not run while unimportant servers work for it")
{
    serve_beside_a_rival(other_cpu(), HIGH, LOW);
}

TEST(so_it_is_across_cpus, "the same for a client on another CPU")
{
    serve_beside_a_rival(0, HIGH, LOW);
}

TEST(a_server_is_no_more_urgent_than_its_client,
     "important servers do not help an unimportant client past its rival")
{
    if (cpu_count() == 1) {
        SKIP("needs two CPUs");
    }
    serve_beside_a_rival(0, LOW, HIGH);
}

KTAP_MAIN
