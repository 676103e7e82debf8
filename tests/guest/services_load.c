/* SPDX-License-Identifier: Apache-2.0
 *
 * A service is killed again and again while clients on all CPUs use it. Each client writes to a cell of its
 * own and reads it back; all of it may be asked again. What a client was told must be there, whatever
 * happened in between, and the memory that restarts take must come back.
 *
 * Printed: one record per restart with times in microseconds of guest time, from the moment before the
 * order to kill to init's knowing, the start, being ready, and the first answer.
 *
 * weft-test: cpus=4 accel=icount timeout=120
 * weft-test: cpus=4 accel=tcg append="kills=60" timeout=120
 * weft-test: cpus=1 accel=icount append="kills=20" timeout=120
 */
#define PROGRAM "test_services_load"
#include "keeper.h"

#include "weft/random.h"

#define CLIENTS 8
#define RETRIES 5
#define WARM_UP 3
#define KILLS_MAX 1000

struct client {
    uint64_t cell;
    uint64_t written; /* the last value that was acknowledged */
    uint64_t calls;
    uint64_t deaths;
    uint32_t failed;
};

static struct client clients[CLIENTS];
static uint32_t stop; /* atomic */
static uint64_t recovery[KILLS_MAX];

static status_t ask(struct client *client, struct keeper_request request,
                    struct keeper_answer *answer)
{
    struct weft_call call = {.service = weft_capability("keeper"),
                             .request = &request,
                             .answer = answer,
                             .retries = RETRIES};
    status_t status = weft_call(&call);
    client->calls++;
    client->deaths += call.deaths;
    return status;
}

static void use_the_keeper(void *argument)
{
    struct client *client = argument;
    struct keeper_answer answer;
    /* [load.stop] acquire: the test is over. */
    for (uint64_t value = 1; weft_load_acquire(&stop) == 0; value++) {
        struct keeper_request write = {KEEPER_WRITE, client->cell, value, 0};
        struct keeper_request read = {KEEPER_READ, client->cell, 0, 0};
        client->failed += ask(client, write, &answer) != STATUS_OK;
        client->written = value;
        client->failed += ask(client, read, &answer) != STATUS_OK || answer.value != value;
        weft_sleep_for(20);
    }
}

static uint64_t since(uint64_t before, uint64_t moment)
{
    return (moment - before) / weft_microseconds(1);
}

/* Kills it at some moment, and waits until the next instance has answered somebody. */
static uint64_t kill_once(struct weft_random *random)
{
    uint32_t instance = service_info("keeper").instance;
    weft_sleep_for(200 + weft_random_below(random, 2000));
    uint64_t before = weft_cycles();
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("keeper"));
    struct weft_service_info info = service_wait("keeper", WEFT_SERVICE_RUNNING, instance + 1);
    while (info.answered_at == 0) {
        weft_sleep_for(100);
        info = service_info("keeper");
    }
    EXPECT_EQUAL(instance + 1, info.instance);
    EXPECT_EQUAL(WEFT_CAUSE_KILLED, info.cause);
    weft_print("@weft {\"record\":\"recovery\",\"known\":%lu,\"started\":%lu,\"ready\":%lu,"
               "\"answered\":%lu}\n",
               since(before, info.failed_at), since(before, info.started_at),
               since(before, info.ready_at), since(before, info.answered_at));
    return since(before, info.answered_at);
}

static uint64_t free_pages(void)
{
    struct weft_service_info info;
    uint64_t pages = 0;
    EXPECT_STATUS(STATUS_OK, weft_supervisor_list(0, &info, &pages));
    return pages;
}

/* The memory of processes that have ended comes back after their end. A leak hangs here, and so fails. */
static void wait_for_pages(uint64_t wanted)
{
    while (free_pages() < wanted) {
        weft_sleep_for(500);
    }
}

static void report(uint64_t kills)
{
    uint64_t calls = 0, deaths = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        EXPECT_EQUAL(0, clients[i].failed);
        EXPECT(clients[i].calls > 0);
        calls += clients[i].calls;
        deaths += clients[i].deaths;
    }
    for (uint64_t i = 1; i < kills; i++) { /* sorts them: there are few */
        for (uint64_t j = i; j > 0 && recovery[j - 1] > recovery[j]; j--) {
            uint64_t larger = recovery[j - 1];
            recovery[j - 1] = recovery[j];
            recovery[j] = larger;
        }
    }
    ktap_note(
        "%lu kills, %lu calls, %lu of them cut; kill to first answer: median %lu us, worst %lu us",
        kills, calls, deaths, recovery[kills / 2], recovery[kills - 1]);
}

TEST(old_clients_go_on,
     "clients on all CPUs lose nothing while their service is killed again and again")
{
    struct weft_group group;
    struct weft_random random = {1};
    uint64_t kills = weft_argument_number("kills", 100);
    REQUIRE(kills > 0 && kills <= KILLS_MAX);
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i].cell = i;
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "client", i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                                         use_the_keeper, &clients[i]));
    }
    for (unsigned i = 0; i < WARM_UP; i++) {
        (void)kill_once(&random);
    }
    uint64_t pages = free_pages();
    for (uint64_t i = 0; i < kills; i++) {
        recovery[i] = kill_once(&random);
    }
    weft_store_release(&stop, 1); /* [load.stop] release: as above */
    weft_group_wait(&group);
    weft_group_close(&group);
    wait_for_pages(pages);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct keeper_answer answer = {0};
        EXPECT_STATUS(STATUS_OK,
                      keeper_ask((struct keeper_request){KEEPER_READ, i, 0, 0}, 0, &answer));
        EXPECT_EQUAL(clients[i].written, answer.value);
    }
    report(kills);
}

static const struct role roles[] = {{"keeper", role_keeper}};
ROLES_MAIN(roles)
