/* SPDX-License-Identifier: Apache-2.0
 *
 * Random system calls from several processes on all CPUs, with deaths in between; afterwards the
 * kernel must be as good as new.
 *
 *     test      measures its free memory, starts the arena, waits until so many calls were made,
 *               ends the arena, and sees all memory come back, to the page
 *     arena     makes objects that the workers share and serves them; starts workers, ends them at
 *               random moments or when they are stuck, and starts others in their place
 *     workers   make calls: fuzz_worker.h; with which arguments: fuzz_values.h
 *
 * The calls come from the ABI's source, so that a new one is fuzzed without being named here. What
 * the workers are given is what the manifest gives to the test: a new kind of resource is added there.
 *
 * Words of the kernel's command line: seed=N chooses the course (in icount mode the same one again),
 * calls=N how much (`./weft fuzz` sets both).
 *
 * weft-test: cpus=4 accel=icount append="calls=40000" seed=5,6 timeout=180
 * weft-test: cpus=3 append="calls=100000 doorbell=elide timeslice_us=300" seed=7 timeout=180
 */
#define PROGRAM "test_fuzz"
#include "child.h"

#include "exact.h"
#include "fuzz_worker.h"

#define SHARED 3
#define ARENA_PAGES 5000
#define ARENA_PRIORITY WEFT_PRIORITY_DEFAULT
#define WORKER_PAGES 160
#define TICK_US 400
#define STUCK_TICKS 8
#define LIFETIME_CALLS 60000 /* at most, of one process */
#define HANG_US 20000000     /* without a call being made */
#define CALLS 200000

/* ---- the arena ------------------------------------------------------------------------------- */

struct worker {
    struct child child;
    _Bool alive;
    uint64_t first_call; /* value of its tallies when it was started */
    uint64_t lifetime;   /* in calls */
    uint64_t seen[FUZZ_THREADS];
    uint32_t idle_ticks;
};

static struct worker workers[FUZZ_PROCESSES];
static uint64_t endpoints[SHARED], notifications[SHARED], memories[SHARED];

/* Serves a shared endpoint, so that most calls come back. */
static void serve(void *argument)
{
    uint64_t endpoint = *(uint64_t *)argument;
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        if (weft_ipc_reply_receive(endpoint, &message, &badge) != STATUS_OK) {
            (void)weft_yield();
        }
    }
}

static void arena_open(void)
{
    for (unsigned i = 0; i < SHARED; i++) {
        uint32_t cpu = i % cpu_count();
        if (weft_endpoint_create(cpu, &endpoints[i]) != STATUS_OK ||
            weft_notification_create(cpu, &notifications[i]) != STATUS_OK ||
            weft_memory_create(1 + 4 * i, &memories[i]) != STATUS_OK ||
            weft_thread_start(NULL, "server", cpu, ARENA_PRIORITY - 1, serve, &endpoints[i]) !=
                STATUS_OK ||
            weft_thread_start(NULL, "server", (i + 1) % cpu_count(), ARENA_PRIORITY - 1, serve,
                              &endpoints[i]) != STATUS_OK) {
            weft_exit(1);
        }
    }
}

/* Rights on shared things: any, but always something. */
static uint32_t some_rights(struct weft_random *random, uint32_t most)
{
    uint32_t rights = (uint32_t)weft_random_next(random) & most;
    return rights != 0 ? rights : most;
}

static uint32_t grant_shared(struct weft_random *random, struct weft_grant *grants, uint32_t peer)
{
    static const char *const names[3][SHARED] = {
        {"endpoint0", "endpoint1", "endpoint2"},
        {"notification0", "notification1", "notification2"},
        {"memory0", "memory1", "memory2"}};
    uint64_t badge = weft_random_below(random, 3);
    uint32_t count = 0;
    for (unsigned i = 0; i < SHARED; i++) {
        grants[count++] =
            (struct weft_grant){names[0][i], endpoints[i],
                                RIGHT_WRITE | some_rights(random, RIGHT_READ | RIGHT_COPY), badge};
        grants[count++] =
            (struct weft_grant){names[1][i], notifications[i],
                                RIGHT_WRITE | some_rights(random, RIGHT_READ | RIGHT_COPY), badge};
        grants[count++] = (struct weft_grant){
            names[2][i], memories[i],
            some_rights(random, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE | RIGHT_COPY), 0};
    }
    if (workers[peer].alive) {
        grants[count++] = (struct weft_grant){"process", workers[peer].child.process,
                                              some_rights(random, RIGHTS_ALL), 0};
    }
    return count;
}

/* What the test was given it hands on: all but what is for itself, and the console only to hold. */
static uint32_t grant_given(struct weft_grant *grants, uint32_t count)
{
    for (uint32_t i = 0; i < weft_startup()->capability_count; i++) {
        const struct weft_startup_capability *given = &weft_startup()->capabilities[i];
        uint32_t rights = strcmp(given->name, "console") == 0 ? RIGHT_COPY : given->rights;
        if (strcmp(given->name, "self") != 0 && count < CHILD_GRANTS_MAX) {
            grants[count++] = (struct weft_grant){given->name, given->handle, rights, 0};
        }
    }
    return count;
}

static uint64_t calls_of(uint32_t index)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FUZZ_THREADS; i++) {
        sum += FUZZ_BOARD->tallies[index * FUZZ_THREADS + i].calls;
    }
    return sum;
}

/* May fail for want of memory while others hold what dead ones paid for; tried again later. */
static void worker_start(struct weft_random *random, uint32_t index)
{
    struct worker *worker = &workers[index];
    struct weft_grant grants[CHILD_GRANTS_MAX];
    struct weft_child made;
    struct weft_spawn spawn;
    uint64_t value = (uint64_t)index << 32 | (uint32_t)weft_random_next(random);
    struct child_options options = {
        .value = value, .pages = WORKER_PAGES, .priority = FUZZ_PRIORITY, .silent = 1};
    uint32_t peer = (uint32_t)weft_random_below(random, FUZZ_PROCESSES);
    uint32_t count = grant_given(grants, grant_shared(random, grants, peer));
    child_prepare(&spawn, "worker", (uint32_t)weft_random_below(random, cpu_count()), grants, count,
                  &options);
    if (weft_spawn(child_archive(), &spawn, &made) != STATUS_OK) {
        return;
    }
    worker->child.process = made.process;
    worker->alive = 1;
    worker->first_call = calls_of(index);
    worker->lifetime = 500 + weft_random_below(random, LIFETIME_CALLS);
    worker->idle_ticks = 0;
    FUZZ_BOARD->lives++;
}

/* Its threads that stand still are stuck in their calls. */
static void note_stuck(uint32_t index)
{
    for (unsigned i = 0; i < FUZZ_THREADS; i++) {
        const struct fuzz_tally *tally = &FUZZ_BOARD->tallies[index * FUZZ_THREADS + i];
        uint32_t call = tally->under_way;
        if (call != 0 && tally->calls == workers[index].seen[i]) {
            FUZZ_BOARD->stuck[call - 1]++;
        }
    }
}

static void worker_end(uint32_t index)
{
    (void)weft_process_kill(workers[index].child.process);
    (void)weft_cap_delete(workers[index].child.process);
    workers[index].alive = 0;
}

/* Has none of its threads made a call since the last look? */
static _Bool worker_idle(uint32_t index)
{
    _Bool idle = 1;
    for (unsigned i = 0; i < FUZZ_THREADS; i++) {
        uint64_t calls = FUZZ_BOARD->tallies[index * FUZZ_THREADS + i].calls;
        idle = idle && calls == workers[index].seen[i];
        workers[index].seen[i] = calls;
    }
    return idle;
}

static void worker_look_at(uint32_t index)
{
    struct worker *worker = &workers[index];
    if (weft_process_end(worker->child.process).cause != WEFT_ALIVE) {
        worker_end(index);
        return;
    }
    if (calls_of(index) - worker->first_call >= worker->lifetime) {
        note_stuck(index);
        worker_end(index);
        return;
    }
    worker->idle_ticks = worker_idle(index) ? worker->idle_ticks + 1 : 0;
    if (worker->idle_ticks >= STUCK_TICKS) {
        note_stuck(index);
        worker_end(index);
    }
}

/* Starts, watches and ends workers until somebody ends the arena. */
static int role_arena(uint64_t value)
{
    struct weft_random random = {value};
    uint32_t processes = cpu_count() + 1 < FUZZ_PROCESSES ? cpu_count() + 1 : FUZZ_PROCESSES;
    if (weft_memory_map(HANDLE_SELF, weft_capability("board"), WEFT_FREE_BASE, 0, FUZZ_BOARD_PAGES,
                        RIGHT_READ | RIGHT_WRITE) != STATUS_OK) {
        return 1;
    }
    arena_open();
    for (;;) {
        for (uint32_t i = 0; i < processes; i++) {
            if (workers[i].alive) {
                worker_look_at(i);
            } else {
                worker_start(&random, i);
            }
        }
        FUZZ_BOARD->progress = fuzz_calls_made(FUZZ_BOARD);
        for (unsigned i = 0; i < SHARED; i++) {
            (void)weft_notification_signal(notifications[i], 1);
        }
        weft_sleep_for(weft_random_below(&random, 2 * TICK_US));
    }
}

static int role_nothing(uint64_t value)
{
    return (int)value;
}

/* ---- the test -------------------------------------------------------------------------------- */

static uint64_t board_memory;

static _Bool arena_start(struct child *arena, const char *role, uint64_t value)
{
    struct weft_grant grants[CHILD_GRANTS_MAX];
    struct child_options options = {
        .value = value, .pages = ARENA_PAGES, .priority = ARENA_PRIORITY, .silent = 1};
    grants[0] =
        (struct weft_grant){"board", board_memory, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, 0};
    uint32_t count = 1;
    for (uint32_t i = 0; i < weft_startup()->capability_count; i++) {
        const struct weft_startup_capability *given = &weft_startup()->capabilities[i];
        if (strcmp(given->name, "self") != 0) {
            grants[count++] = (struct weft_grant){given->name, given->handle, given->rights, 0};
        }
    }
    return child_start_with(arena, role, 0, grants, count, &options);
}

static _Bool board_open(void)
{
    return EXPECT_STATUS(STATUS_OK, weft_memory_create(FUZZ_BOARD_PAGES, &board_memory)) &&
           EXPECT_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, board_memory, WEFT_FREE_BASE, 0,
                                                    FUZZ_BOARD_PAGES, RIGHT_READ | RIGHT_WRITE));
}

/* Until so many calls were made. False: nothing goes on any more. */
static _Bool wait_for_calls(const struct child *arena, uint64_t wanted)
{
    uint64_t made = 0, deadline = weft_deadline(HANG_US);
    while (made < wanted && weft_cycles() < deadline &&
           weft_process_end(arena->process).cause == WEFT_ALIVE) {
        uint64_t before = made;
        weft_sleep_for(2000);
        made = fuzz_calls_made(FUZZ_BOARD);
        if (made != before) {
            deadline = weft_deadline(HANG_US);
        }
    }
    return made >= wanted;
}

/* What the test does once, it does before it measures: its own kernel objects keep their pages. */
static void warm_up(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct child nothing;
        REQUIRE(arena_start(&nothing, "nothing", 0));
        (void)child_wait(&nothing);
        child_close(&nothing);
        check_cpus();
    }
}

TEST(random_calls_leave_nothing_behind,
     "random calls from everywhere and random deaths; then all memory is back, and all CPUs run")
{
    struct child arena;
    uint64_t seed = weft_argument_number("seed", 1);
    uint64_t wanted = weft_argument_number("calls", CALLS);
    REQUIRE(board_open());
    uint64_t first = free_pages();
    warm_up();
    uint64_t pages = settled_pages(first);
    REQUIRE(arena_start(&arena, "arena", seed));
    EXPECT(wait_for_calls(&arena, wanted));
    EXPECT_EQUAL(WEFT_ALIVE, weft_process_end(arena.process).cause);
    child_kill(&arena);
    check_memory(pages);
    check_cpus();
    fuzz_report(FUZZ_BOARD);
}

static const struct role roles[] = {
    {"arena", role_arena},
    {"worker", role_worker},
    {"nothing", role_nothing},
};
ROLES_MAIN(roles)
