/* SPDX-License-Identifier: Apache-2.0
 *
 * What capabilities promise to who hands them out: rights only ever get fewer, a badge stays, a handle
 * that was deleted or revoked reaches nothing, and revocation takes back everything that was derived.
 *
 * weft-test: cpus=1,4 accel=tcg,icount
 */
#define PROGRAM "test_capabilities"
#include "child.h"

#include "weft/atomic.h"

#define RIGHTS_USUAL (RIGHT_READ | RIGHT_WRITE | RIGHT_COPY)
#define ANCESTORS_MAX 7

static status_t copy_here(uint64_t handle, uint64_t rights, uint64_t *copy)
{
    return weft_cap_copy(HANDLE_SELF, handle, rights, 0, copy);
}

static void expect_gone(uint64_t handle)
{
    uint64_t value;
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(handle, 0, &value));
}

static void expect_there(uint64_t handle)
{
    uint64_t value;
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(handle, 0, &value));
}

/* ---- rights and badges ----------------------------------------------------------------------- */

TEST(rights_cannot_be_raised, "a copy has no right that its original lacks, whatever is asked for")
{
    uint64_t process, some, copy;
    REQUIRE_STATUS(STATUS_OK, weft_process_create(16, 'r', 0, 0, 0, 0, &process));
    for (uint64_t have = 0; have <= RIGHTS_ALL; have++) {
        REQUIRE_STATUS(STATUS_OK, copy_here(process, have, &some));
        for (uint64_t want = 0; want <= RIGHTS_ALL; want++) {
            _Bool allowed = (have & RIGHT_COPY) != 0 && (want & ~have) == 0;
            status_t status = copy_here(some, want, &copy);
            EXPECT_STATUS(allowed ? STATUS_OK : STATUS_NO_RIGHT, status);
            if (status == STATUS_OK) {
                EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy));
            }
        }
        EXPECT_STATUS(STATUS_NO_RIGHT, copy_here(some, RIGHTS_ALL + 1ull, &copy));
        EXPECT_STATUS(STATUS_NO_RIGHT, copy_here(some, ~0ull, &copy));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(some));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
}

TEST(a_badge_stays, "who holds a badged capability can neither change nor remove the badge")
{
    uint64_t plain, badged, copy, badge;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &plain));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, plain, RIGHTS_USUAL, 77, &badged));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_cap_copy(HANDLE_SELF, badged, RIGHT_WRITE, 78, &copy));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_cap_copy(HANDLE_SELF, badged, RIGHT_WRITE, 77, &copy));
    REQUIRE_STATUS(STATUS_OK, copy_here(badged, RIGHT_WRITE, &copy));
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(copy, 1, &badge));
    EXPECT_EQUAL(77, badge);
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(plain, 1, &badge));
    EXPECT_EQUAL(0, badge);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(plain));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(plain));
}

TEST(inspection_tells_what_it_is, "type, rights, object and badge can be read from a handle")
{
    uint64_t endpoint, copy, other, a, b;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_WRITE, ~0ull, &copy));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &other));
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(endpoint, 0, &a));
    EXPECT_EQUAL(OBJECT_ENDPOINT | RIGHTS_USUAL << 8, a & 0xffffffff);
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(copy, 0, &b));
    EXPECT_EQUAL(OBJECT_ENDPOINT | RIGHT_WRITE << 8, b & 0xffffffff);
    EXPECT_EQUAL(a >> 32, b >> 32); /* the same object */
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(copy, 1, &b));
    EXPECT_EQUAL(~0ull, b);
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(other, 0, &b));
    EXPECT_EQUAL(OBJECT_NOTIFICATION | RIGHTS_USUAL << 8, b & 0xffffffff);
    EXPECT(a >> 32 != b >> 32);
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(HANDLE_SELF, 0, &b));
    EXPECT_EQUAL(OBJECT_PROCESS | (RIGHT_READ | RIGHT_MANAGE) << 8, b & 0xffffffff);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_cap_inspect(copy, 2, &b));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(0, 0, &b));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(~0ull, 0, &b));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(other));
}

/* ---- stale handles --------------------------------------------------------------------------- */

/* Every call that takes a handle finds nothing behind this one. */
static void expect_useless(uint64_t handle)
{
    struct weft_message message = {{0}};
    uint64_t value;
    expect_gone(handle);
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call(handle, &message));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_reply_receive(handle, &message, &value));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_notification_signal(handle, 1));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_notification_wait(handle, 0, &value));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_status(handle, &value));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_kill(handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_memory_write(handle, 0, (uint64_t)&value, 8));
    EXPECT_STATUS(STATUS_BAD_HANDLE,
                  weft_memory_map(HANDLE_SELF, handle, WEFT_FREE_BASE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_memory_unmap(handle, WEFT_FREE_BASE, 1));
    EXPECT_STATUS(STATUS_BAD_HANDLE, copy_here(handle, 0, &value));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_copy(handle, HANDLE_SELF, 0, 0, &value));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_revoke(handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(handle));
}

TEST(stale_handles_reach_nothing, "a handle that was deleted never names what takes its slot")
{
    uint64_t old[5], next;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &old[0]));
    for (unsigned i = 0; i < 5; i++) {
        expect_gone(old[i] + 256); /* what the slot's next filling will be called */
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(old[i]));
        REQUIRE_STATUS(STATUS_OK, i % 2 == 0 ? weft_endpoint_create(0, &next)
                                             : weft_notification_create(0, &next));
        EXPECT_EQUAL(old[i] & 0xff, next & 0xff); /* the same slot */
        for (unsigned j = 0; j <= i; j++) {
            expect_useless(old[j]);
        }
        if (i + 1 < 5) {
            old[i + 1] = next;
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(next));
}

/* ---- revocation within one process ----------------------------------------------------------- */

/* A chain of copies, each of the one before; chain[0] is given. Returns how many there are. */
static unsigned chain_make(uint64_t *chain, unsigned wanted)
{
    unsigned count = 1;
    while (count < wanted &&
           EXPECT_STATUS(STATUS_OK, copy_here(chain[count - 1], RIGHTS_USUAL, &chain[count]))) {
        count++;
    }
    return count;
}

TEST(handing_on_has_an_end, "what was handed on seven times cannot be handed on again, but used")
{
    uint64_t chain[ANCESTORS_MAX + 1], more;
    unsigned length = ANCESTORS_MAX + 1;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &chain[0]));
    REQUIRE(chain_make(chain, length) == length);
    EXPECT_STATUS(STATUS_DEPTH, copy_here(chain[length - 1], RIGHT_READ, &more));
    EXPECT_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, chain[length - 1], WEFT_FREE_BASE, 0, 1,
                                             RIGHT_READ | RIGHT_WRITE));
    *(volatile uint64_t *)WEFT_FREE_BASE = 5;
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, WEFT_FREE_BASE, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(chain[0]));
    for (unsigned i = 1; i < length; i++) {
        expect_gone(chain[i]);
    }
    expect_there(chain[0]);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[0]));
}

TEST(revocation_takes_what_is_derived, "from the middle of a tree: the branch goes, the rest stays")
{
    uint64_t chain[4], side, leaf;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &chain[0]));
    REQUIRE(chain_make(chain, 4) == 4);
    REQUIRE_STATUS(STATUS_OK, copy_here(chain[0], RIGHTS_USUAL, &side));
    REQUIRE_STATUS(STATUS_OK, copy_here(chain[2], RIGHT_WRITE, &leaf));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(leaf)); /* nothing comes from it */
    expect_there(leaf);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(chain[1]));
    expect_there(chain[0]);
    expect_there(chain[1]);
    expect_there(side);
    expect_useless(chain[2]);
    expect_useless(chain[3]);
    expect_useless(leaf);
    REQUIRE_STATUS(STATUS_OK, copy_here(chain[1], RIGHT_WRITE, &leaf)); /* again, afterwards */
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(leaf, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(chain[0]));
    expect_gone(chain[1]);
    expect_gone(side);
    expect_gone(leaf);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[0]));
}

TEST(the_original_may_be_gone, "what descends from a capability that was deleted can be revoked")
{
    uint64_t chain[4];
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &chain[0]));
    REQUIRE(chain_make(chain, 4) == 4);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[1]));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[2]));
    expect_there(chain[3]);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(chain[0]));
    expect_gone(chain[3]);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(chain[0]));
}

TEST(mappings_go_with_their_capability, "memory mapped through what is revoked is unmapped")
{
    uint64_t memory, copy;
    uint64_t base = WEFT_FREE_BASE, page = WEFT_PAGE_SIZE;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(3, &memory));
    REQUIRE_STATUS(STATUS_OK, copy_here(memory, RIGHT_READ | RIGHT_COPY, &copy));
    for (unsigned i = 0; i < 3; i++) { /* one through the original */
        REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, i == 1 ? memory : copy,
                                                  base + i * page, i, 1, RIGHT_READ));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy)); /* the mappings outlive it */
    EXPECT_EQUAL(0, *(volatile uint64_t *)base);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_unmap(HANDLE_SELF, base, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_unmap(HANDLE_SELF, base + 2 * page, 1));
    EXPECT_EQUAL(0, *(volatile uint64_t *)(base + page));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, base + page, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- revocation across processes ------------------------------------------------------------- */

#define USERS 3

/* Hands what it was given on to itself twice, and uses the last one until it is gone. */
static int role_signals(uint64_t value)
{
    uint64_t first, second;
    status_t status;
    if (copy_here(weft_capability("target"), RIGHT_WRITE | RIGHT_COPY, &first) != STATUS_OK ||
        copy_here(first, RIGHT_WRITE | RIGHT_COPY, &second) != STATUS_OK ||
        weft_notification_signal(weft_capability("ready"), 1ull << value) != STATUS_OK) {
        return 1;
    }
    while ((status = weft_notification_signal(second, 0)) == STATUS_OK) {
        weft_pause();
    }
    return status == STATUS_BAD_HANDLE && weft_notification_signal(first, 0) == STATUS_BAD_HANDLE &&
                   weft_notification_signal(weft_capability("target"), 0) == STATUS_BAD_HANDLE
               ? 0
               : 2;
}

static void wait_for_bits(uint64_t notification, uint64_t wanted)
{
    uint64_t seen = 0, bits;
    while ((seen & wanted) != wanted &&
           EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits))) {
        seen |= bits;
    }
}

/* Starts children that use `target`, each on a CPU of its own, and waits until all do. */
static unsigned users_start(struct child *users, const char *role, uint64_t target, uint64_t rights,
                            uint64_t ready)
{
    for (uint32_t i = 0; i < USERS; i++) {
        struct weft_grant grants[] = {
            {"target", target, (uint32_t)rights, 1ull << i},
            {"ready", ready, RIGHT_WRITE, 0},
        };
        struct child_options options = {.value = i, .home = (i + 1) % cpu_count()};
        if (!EXPECT(
                child_start_with(&users[i], role, (i + 1) % cpu_count(), grants, 2, &options))) {
            return i;
        }
    }
    wait_for_bits(ready, (1ull << USERS) - 1);
    return USERS;
}

static void users_end(struct child *users, unsigned count, enum weft_cause cause, uint32_t status)
{
    for (unsigned i = 0; i < count; i++) {
        struct weft_end end = child_wait(&users[i]);
        EXPECT_EQUAL(cause, end.cause);
        EXPECT_EQUAL(status, end.status);
        child_close(&users[i]);
    }
}

TEST(revocation_reaches_all_processes, "three levels deep, on all CPUs, while they are in use")
{
    static const uint64_t own = 1ull << 40;
    struct child users[USERS];
    uint64_t target, ready, bits;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &target));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &ready));
    unsigned count = users_start(users, "signals", target, RIGHT_WRITE | RIGHT_COPY, ready);
    wait_for_bits(target, (1ull << count) - 1);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(target));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(target, own));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(target, 0, &bits)); /* what came before */
    EXPECT((bits & own) != 0);
    users_end(users, count, WEFT_EXITED, 0);
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(target, own));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(target, 0, &bits));
    EXPECT_EQUAL(own, bits); /* nothing has come since */
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(target));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(ready));
}

/* Counts in shared memory for ever. */
static int role_counts(uint64_t value)
{
    volatile uint64_t *counters = (volatile uint64_t *)WEFT_FREE_BASE;
    uint64_t copy;
    if (copy_here(weft_capability("target"), RIGHT_READ | RIGHT_WRITE, &copy) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, copy, WEFT_FREE_BASE, 0, 1, RIGHT_READ | RIGHT_WRITE) !=
            STATUS_OK ||
        weft_cap_delete(copy) != STATUS_OK ||
        weft_notification_signal(weft_capability("ready"), 1ull << value) != STATUS_OK) {
        return 1;
    }
    for (;;) {
        counters[value * 8]++;
        weft_pause();
    }
}

#define PAGE_FAULT 14

TEST(revocation_unmaps_on_all_cpus, "no process writes to revoked memory any more, on any CPU")
{
    volatile uint64_t *counters = (volatile uint64_t *)WEFT_FREE_BASE;
    uint64_t memory, ready, last[USERS];
    struct child users[USERS];
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &ready));
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, WEFT_FREE_BASE, 0, 1,
                                              RIGHT_READ | RIGHT_WRITE));
    unsigned count =
        users_start(users, "counts", memory, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, ready);
    for (unsigned i = 0; i < count; i++) {
        while (counters[i * 8] == 0) {
            (void)weft_yield();
            weft_pause();
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(memory));
    for (unsigned i = 0; i < count; i++) {
        last[i] = counters[i * 8];
    }
    users_end(users, count, WEFT_FAULT, PAGE_FAULT);
    for (unsigned i = 0; i < count; i++) {
        EXPECT_EQUAL(last[i], counters[i * 8]);
    }
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, WEFT_FREE_BASE, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(ready));
}

/* Calls twice: its capability goes while the first call is being answered. */
static int role_calls_twice(uint64_t value)
{
    struct weft_message message = {{value}};
    if (weft_ipc_call(weft_capability("target"), &message) != STATUS_OK ||
        message.words[0] != value + 1) {
        return 1;
    }
    return weft_ipc_call(weft_capability("target"), &message) == STATUS_BAD_HANDLE ? 0 : 2;
}

TEST(a_call_under_way_is_answered, "revoking what a client called with does not take its answer")
{
    struct weft_message message = {{0}};
    struct child child;
    uint64_t target, badge;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &target));
    struct weft_grant grants[] = {{"target", target, RIGHT_WRITE, 9}};
    REQUIRE(child_start(&child, "calls_twice", other_cpu(), grants, 1));
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(target, &message, &badge));
    EXPECT_EQUAL(9, badge);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(target));
    message.words[0]++;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
    struct weft_end end = child_wait(&child);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(&child);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(target));
}

TEST(a_process_can_be_taken_back,
     "a revoked capability to a process ends its holder's power over it")
{
    uint64_t process, copy, state;
    REQUIRE_STATUS(STATUS_OK, weft_process_create(16, 'p', 0, 0, 0, 0, &process));
    REQUIRE_STATUS(STATUS_OK, copy_here(process, RIGHTS_ALL, &copy));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(process));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_kill(copy));
    EXPECT_STATUS(STATUS_OK, weft_process_status(process, &state));
    EXPECT_EQUAL(0, state);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
}

static const struct role roles[] = {
    {"signals", role_signals},
    {"counts", role_counts},
    {"calls_twice", role_calls_twice},
};
ROLES_MAIN(roles)
