/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocation against everything that may happen beside it: copies and mappings made on other CPUs
 * from what is being revoked, other revocations, processes that begin and end. When it returns,
 * nothing is left of what was derived, whatever was on its way.
 *
 * Short, for `weft explore test_revocation`.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6
 */
#define PROGRAM "test_revocation"
#include "child.h"

#include "weft/atomic.h"
#include "weft/random.h"

#define ROUNDS 12
#define GRANTERS 3
#define COPIES 24 /* that one thread makes at most: the table must hold them all */
#define PLACES 4  /* where one thread maps at most */
#define RIGHTS_USUAL (RIGHT_READ | RIGHT_WRITE | RIGHT_COPY)

/* ---- copies and mappings --------------------------------------------------------------------- */

struct granter {
    uint64_t source; /* what it copies from: its own copy of what will be revoked */
    uint64_t seed;
    uint64_t place; /* first address that it may map at; 0: it does not map */
    uint64_t copies[COPIES];
    uint32_t count;
    uint32_t mapped; /* how many times it mapped */
};

/* Copies of copies, each of a random one before, until nothing is left to copy. */
static void grant_on(void *argument)
{
    struct granter *granter = argument;
    struct weft_random random = {granter->seed};
    while (granter->count < COPIES) {
        uint64_t pick = weft_random_below(&random, granter->count + 1);
        uint64_t from = pick == 0 ? granter->source : granter->copies[pick - 1];
        uint64_t copy;
        if (granter->place != 0 && granter->mapped < PLACES &&
            weft_memory_map(HANDLE_SELF, from, granter->place + granter->mapped * WEFT_PAGE_SIZE, 0,
                            1, RIGHT_READ) == STATUS_OK) {
            granter->mapped++;
        }
        status_t status = weft_cap_copy(HANDLE_SELF, from, RIGHTS_USUAL, 0, &copy);
        if (status == STATUS_OK) {
            granter->copies[granter->count++] = copy;
        } else if (status != STATUS_DEPTH) {
            EXPECT(status == STATUS_BAD_HANDLE || status == STATUS_DEAD);
            return;
        }
    }
}

static void expect_nothing_left(const struct granter *granter)
{
    uint64_t value;
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(granter->source, 0, &value));
    for (uint32_t i = 0; i < granter->count; i++) {
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(granter->copies[i], 0, &value));
    }
    for (uint32_t i = 0; i < granter->mapped; i++) {
        EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                      weft_memory_unmap(HANDLE_SELF, granter->place + i * WEFT_PAGE_SIZE, 1));
    }
}

/* One race on `root`; `memory`: also by mapping. */
static void race(uint64_t root, _Bool memory, struct weft_random *random)
{
    static struct granter granters[GRANTERS];
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < GRANTERS; i++) {
        granters[i] = (struct granter){
            .seed = weft_random_next(random),
            .place = memory ? WEFT_FREE_BASE + i * PLACES * WEFT_PAGE_SIZE : 0,
        };
        REQUIRE_STATUS(STATUS_OK,
                       weft_cap_copy(HANDLE_SELF, root, RIGHTS_USUAL, 0, &granters[i].source));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "granter", (i + 1) % cpu_count(),
                                                    WEFT_PRIORITY_DEFAULT, grant_on, &granters[i]));
    }
    for (uint64_t i = weft_random_below(random, 400); i > 0; i--) {
        weft_pause();
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(root));
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < GRANTERS; i++) {
        expect_nothing_left(&granters[i]);
    }
}

TEST(copies_in_flight_are_caught, "what other CPUs copy meanwhile is gone or was never made")
{
    struct weft_random random = {1};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t root;
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(round % cpu_count(), &root));
        race(root, 0, &random);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(root));
    }
}

TEST(mappings_in_flight_are_caught, "what other CPUs map meanwhile is unmapped or was never mapped")
{
    struct weft_random random = {2};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t root;
        REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &root));
        race(root, 1, &random);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(root));
    }
}

/* ---- between processes ----------------------------------------------------------------------- */

#define HOLDERS 3
#define HELD 16

/* Asks for a handle on another holder, then copies what it has to itself and to that one until nothing
 * is left. Stays alive, and with it its table, until the endpoint `finish` goes. */
static int role_hands_on(uint64_t value)
{
    struct weft_message message = {{value}};
    struct weft_random random = {value + 1};
    uint64_t held[HELD] = {weft_capability("target")}, copy;
    unsigned count = 1;
    status_t status = weft_ipc_call(weft_capability("peers"), &message);
    uint64_t peer = message.words[0];
    while (status != STATUS_BAD_HANDLE && status != STATUS_DEAD) {
        uint64_t from = held[weft_random_below(&random, count)];
        weft_pause();
        (void)weft_cap_copy(peer, from, RIGHTS_USUAL, 0, &copy);
        status = weft_cap_copy(HANDLE_SELF, from, RIGHTS_USUAL, 0, &copy);
        if (status == STATUS_OK && count < HELD) {
            held[count++] = copy;
        } else if (status == STATUS_OK) {
            (void)weft_cap_delete(copy);
        }
    }
    (void)weft_notification_signal(weft_capability("done"), 1ull << value);
    (void)weft_ipc_call(weft_capability("finish"), &message);
    return 0;
}

/* Tells each holder how it may reach the next one. All handles are there before the first holder hears of
 * its own: those who have begun to copy fill the tables of the others. */
static void introduce(const struct child *holders, uint64_t peers)
{
    struct weft_message message = {{0}};
    uint64_t next[HOLDERS], badge;
    for (uint32_t i = 0; i < HOLDERS; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_cap_copy(holders[i].process, holders[(i + 1) % HOLDERS].process,
                                     RIGHT_MANAGE, 0, &next[i]));
    }
    for (uint32_t i = 0; i < HOLDERS; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(peers, &message, &badge));
        message.words[0] = next[message.words[0]];
    }
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

static void holders_race(struct weft_random *random)
{
    struct child holders[HOLDERS];
    struct weft_message message = {{0}};
    uint64_t root, peers, done, finish, last, bits, seen = 0;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(weft_random_below(random, cpu_count()), &root));
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &peers));
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &finish));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &done));
    struct weft_grant grants[] = {{"target", root, RIGHTS_USUAL, 0},
                                  {"peers", peers, RIGHT_WRITE, 0},
                                  {"finish", finish, RIGHT_WRITE, 0},
                                  {"done", done, RIGHT_WRITE, 0}};
    for (uint32_t i = 0; i < HOLDERS; i++) {
        struct child_options options = {.value = i, .pages = 48, .home = (i + 2) % cpu_count()};
        REQUIRE(
            child_start_with(&holders[i], "hands_on", (i + 1) % cpu_count(), grants, 4, &options));
    }
    introduce(holders, peers);
    for (uint64_t i = weft_random_below(random, 2000); i > 0; i--) {
        weft_pause();
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(root));
    while (seen != (1u << HOLDERS) - 1 &&
           EXPECT_STATUS(STATUS_OK, weft_notification_wait(done, 0, &bits))) {
        seen |= bits;
    }
    /* With ours the last capability to receive goes, unless one has survived: then this call hangs. */
    EXPECT_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, root, RIGHT_WRITE, 0, &last));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(root));
    EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(last, &message));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(last));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(finish));
    for (uint32_t i = 0; i < HOLDERS; i++) {
        (void)child_wait(&holders[i]);
        child_close(&holders[i]);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(peers));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(done));
}

TEST(copies_between_processes_are_caught, "tables on several CPUs, and what travels between them")
{
    struct weft_random random = {4};
    for (unsigned round = 0; round < 4; round++) {
        holders_race(&random);
    }
}

/* ---- other revocations ----------------------------------------------------------------------- */

struct revoker {
    uint64_t handle;
    status_t status;
};

static void revoke_it(void *argument)
{
    struct revoker *revoker = argument;
    revoker->status = weft_cap_revoke(revoker->handle);
}

TEST(revocations_take_turns, "several at once, one of them of what another one takes away")
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct revoker revokers[3];
        struct weft_group group;
        uint64_t root, leaf, value;
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(round % cpu_count(), &root));
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        revokers[0].handle = root;
        for (uint32_t i = 1; i < 3; i++) {
            REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, revokers[i - 1].handle,
                                                    RIGHTS_USUAL, 0, &revokers[i].handle));
        }
        REQUIRE_STATUS(STATUS_OK,
                       weft_cap_copy(HANDLE_SELF, revokers[2].handle, RIGHT_WRITE, 0, &leaf));
        for (uint32_t i = 0; i < 3; i++) {
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start(&group, "revoker", (i + round) % cpu_count(),
                                             WEFT_PRIORITY_DEFAULT, revoke_it, &revokers[i]));
        }
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_STATUS(STATUS_OK, revokers[0].status);
        for (uint32_t i = 1; i < 3; i++) {
            EXPECT(revokers[i].status == STATUS_OK || revokers[i].status == STATUS_BAD_HANDLE);
            EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(revokers[i].handle, 0, &value));
        }
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(leaf, 0, &value));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(root));
    }
}

/* ---- processes that come and go -------------------------------------------------------------- */

/* Has memory mapped, copies what it has, and revokes on its own until it is killed. */
static int role_is_busy(uint64_t value)
{
    uint64_t copy;
    (void)weft_memory_map(HANDLE_SELF, weft_capability("target"), WEFT_FREE_BASE, 0, 1, RIGHT_READ);
    for (;;) {
        weft_pause();
        if (weft_cap_copy(HANDLE_SELF, weft_capability("target"), RIGHT_READ, 0, &copy) !=
            STATUS_OK) {
            continue;
        }
        if (value % 2 == 1) {
            (void)weft_cap_revoke(weft_capability("target"));
        } else {
            (void)weft_cap_delete(copy);
        }
    }
}

TEST(processes_come_and_go, "processes that hold what is revoked are killed at the same time")
{
    struct weft_random random = {3};
    for (unsigned round = 0; round < 4; round++) {
        struct child children[2];
        uint64_t root, value;
        REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &root));
        struct weft_grant grants[] = {{"target", root, RIGHT_READ | RIGHT_COPY, 0}};
        for (uint32_t i = 0; i < 2; i++) {
            struct child_options options = {.value = i, .pages = 48, .home = (i + 1) % cpu_count()};
            REQUIRE(child_start_with(&children[i], "is_busy", (i + 1) % cpu_count(), grants, 1,
                                     &options));
        }
        for (uint64_t i = weft_random_below(&random, 2000); i > 0; i--) {
            weft_pause();
        }
        EXPECT_STATUS(STATUS_OK, weft_process_kill(children[0].process));
        EXPECT_STATUS(STATUS_OK, weft_cap_revoke(root));
        EXPECT_STATUS(STATUS_OK, weft_process_kill(children[1].process));
        for (uint32_t i = 0; i < 2; i++) {
            (void)child_wait(&children[i]);
            child_close(&children[i]);
        }
        EXPECT_STATUS(STATUS_OK, weft_cap_inspect(root, 0, &value));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(root));
    }
}

static const struct role roles[] = {{"hands_on", role_hands_on}, {"is_busy", role_is_busy}};
ROLES_MAIN(roles)
