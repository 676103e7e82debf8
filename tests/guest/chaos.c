/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything at once, at random, with death in between: processes whose threads call, serve, signal,
 * wait, move, sleep, map, unmap, create and delete on all CPUs, on objects that they share; the test
 * kills them in the middle of it and starts new ones. Afterwards the kernel must be as good as new:
 * every shared endpoint and notification works, and all memory has come back.
 *
 * The kernel's option seed=N chooses the course, for the program as for the kernel's own schedule
 * points; in icount mode a seed that fails, fails again.
 *
 * weft-test: cpus=4 timeout=120
 * weft-test: cpus=1 timeout=120
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6,7,8 timeout=120
 * weft-test: cpus=2 accel=icount seed=9,10,11,12 timeout=120
 * weft-test: cpus=3 accel=icount append="timeslice_us=200" seed=13,14,15,16 timeout=120
 */
#define PROGRAM "test_chaos"
#include "child.h"

#include "weft/random.h"

#define SHARED 4 /* endpoints, and as many notifications */
#define PROCESSES 6
#define THREADS 4
#define ROUNDS 80
#define OPERATIONS 5000
#define PLACE_SPACING 0x10000ull
#define ALL_PAGES 3000 /* of the test's quota: most of it */

struct shared {
    uint64_t endpoints[SHARED];
    uint64_t notifications[SHARED];
};

/* ---- the processes --------------------------------------------------------------------------- */

static struct shared given; /* what this process was given */
static uint64_t process_seed;

static uint64_t pick(struct weft_random *random, const uint64_t *handles)
{
    return handles[weft_random_below(random, SHARED)];
}

static void call_somebody(struct weft_random *random)
{
    uint64_t sent = weft_random_next(random);
    struct weft_message message = {{sent, ~sent}};
    status_t status = weft_ipc_call(pick(random, given.endpoints), &message);
    if (status == STATUS_OK && (message.words[0] != sent + 1 || message.words[1] != ~sent)) {
        weft_exit(90); /* somebody else's answer */
    }
}

/* `message` is the answer to a caller that this thread may still hold from the last time. */
static void serve_a_while(struct weft_random *random, struct weft_message *message)
{
    uint64_t endpoint = pick(random, given.endpoints);
    for (uint64_t i = 1 + weft_random_below(random, 6); i > 0; i--) {
        uint64_t badge;
        if (weft_ipc_reply_receive(endpoint, message, &badge) != STATUS_OK) {
            return;
        }
        message->words[0]++;
        if (weft_random_below(random, 4) == 0) {
            (void)weft_thread_migrate(weft_random_below(random, cpu_count()));
        }
    }
    if (weft_random_below(random, 8) !=
        0) { /* else the caller waits until the next message, or ends */
        (void)weft_ipc_reply(message, NULL);
    }
}

static void use_memory(struct weft_random *random, uint64_t place)
{
    uint64_t memory, pages = 1 + weft_random_below(random, 3);
    if (weft_memory_create(pages, &memory) != STATUS_OK) {
        return;
    }
    if (weft_memory_map(HANDLE_SELF, memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE) ==
        STATUS_OK) {
        volatile uint64_t *word = (volatile uint64_t *)place;
        if (*word != 0) {
            weft_exit(91); /* not zeroed */
        }
        *word = place;
        (void)weft_yield();
        if (*word != place) {
            weft_exit(92); /* somebody else's page */
        }
        (void)weft_memory_unmap(HANDLE_SELF, place, pages);
    }
    (void)weft_cap_delete(memory);
}

static void use_own_objects(struct weft_random *random)
{
    uint64_t endpoint, notification, bits;
    uint32_t cpu = (uint32_t)weft_random_below(random, cpu_count());
    if (weft_endpoint_create(cpu, &endpoint) == STATUS_OK) {
        (void)weft_cap_delete(endpoint);
    }
    if (weft_notification_create(cpu, &notification) == STATUS_OK) {
        (void)weft_notification_signal(notification, 6);
        if (weft_notification_wait(notification, 0, &bits) == STATUS_OK && bits != 6) {
            weft_exit(93); /* bits got lost, or came from nowhere */
        }
        (void)weft_cap_delete(notification);
    }
}

static void do_something(struct weft_random *random, struct weft_message *held, uint64_t place)
{
    uint64_t bits;
    switch (weft_random_below(random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        call_somebody(random);
        break;
    case 4:
    case 5:
        serve_a_while(random, held);
        break;
    case 6:
    case 7:
    case 8:
        (void)weft_notification_signal(pick(random, given.notifications), 1);
        break;
    case 9:
        (void)weft_notification_signal(pick(random, given.notifications), 2);
        (void)weft_notification_wait(pick(random, given.notifications), 0, &bits);
        break;
    case 10:
        (void)weft_thread_migrate(weft_random_below(random, cpu_count()));
        break;
    case 11:
        weft_sleep_for(weft_random_below(random, 100));
        break;
    case 12:
        use_memory(random, place);
        break;
    case 13:
        use_own_objects(random);
        break;
    case 14:
        (void)weft_yield();
        break;
    default:
        if (weft_random_below(random, 200) == 0) {
            *(volatile int *)place = 1; /* nothing is mapped there: the end of this process */
        }
        break;
    }
}

static void live(void *argument)
{
    uint64_t index = (uint64_t)argument;
    struct weft_random random = {process_seed * 100 + index};
    struct weft_message held = {{0}};
    for (unsigned i = 0; i < OPERATIONS; i++) {
        do_something(&random, &held, WEFT_FREE_BASE + index * PLACE_SPACING);
    }
}

/* One thread of each process does nothing but serve, so that the others' calls come back. */
static void serve_for_ever(void *argument)
{
    struct weft_random random = {process_seed * 100 + (uint64_t)argument};
    struct weft_message held = {{0}};
    for (;;) {
        serve_a_while(&random, &held);
    }
}

static int role_lives(uint64_t value)
{
    static const char *const endpoints[] = {"e0", "e1", "e2", "e3"};
    static const char *const notifications[] = {"n0", "n1", "n2", "n3"};
    process_seed = value;
    for (unsigned i = 0; i < SHARED; i++) {
        given.endpoints[i] = weft_capability(endpoints[i]);
        given.notifications[i] = weft_capability(notifications[i]);
    }
    for (uint64_t i = 1; i < THREADS; i++) {
        (void)weft_thread_start(NULL, "chaos", (uint32_t)(value + i) % cpu_count(),
                                WEFT_PRIORITY_DEFAULT - (uint32_t)(i % 3),
                                i == 1 ? serve_for_ever : live, (void *)i);
    }
    live((void *)0);
    (void)weft_thread_exit(0); /* the others go on */
    return 0;
}

/* ---- the test -------------------------------------------------------------------------------- */

static _Bool start_process(struct child *child, const struct shared *shared, uint64_t seed)
{
    static const char *const names[] = {"e0", "e1", "e2", "e3", "n0", "n1", "n2", "n3"};
    struct weft_grant grants[2 * SHARED];
    for (unsigned i = 0; i < SHARED; i++) {
        grants[i] =
            (struct weft_grant){names[i], shared->endpoints[i], RIGHT_READ | RIGHT_WRITE, i + 1};
        grants[SHARED + i] = (struct weft_grant){names[SHARED + i], shared->notifications[i],
                                                 RIGHT_READ | RIGHT_WRITE, 0};
    }
    struct child_options options = {
        .value = seed, .pages = 96, .home = (uint32_t)(seed / 7) % cpu_count(), .silent = 1};
    return child_start_with(child, "lives", (uint32_t)seed % cpu_count(), grants, 2 * SHARED,
                            &options);
}

/* A process may have ended by itself; by its own exit status it tells what it saw. */
static void end_process(struct child *child)
{
    EXPECT_STATUS(STATUS_OK, weft_process_kill(child->process));
    struct weft_end end = child_wait(child);
    EXPECT(end.cause != WEFT_ALIVE);
    if (end.cause == WEFT_EXITED) {
        EXPECT_EQUAL(0, end.status);
    }
    child_close(child);
}

static _Bool create_shared(struct shared *shared)
{
    for (unsigned i = 0; i < SHARED; i++) {
        uint32_t cpu = i % cpu_count();
        if (!EXPECT_STATUS(STATUS_OK, weft_endpoint_create(cpu, &shared->endpoints[i])) ||
            !EXPECT_STATUS(STATUS_OK, weft_notification_create(cpu, &shared->notifications[i]))) {
            return 0;
        }
    }
    return 1;
}

struct echo {
    uint64_t endpoint;
};

static void echo_once(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    uint64_t endpoint = ((struct echo *)argument)->endpoint;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(endpoint, &message, &badge));
    message.words[0] *= 2;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

/* Nobody but the test uses the objects any more: they must work as if they were new. */
static void check_shared(const struct shared *shared)
{
    for (unsigned i = 0; i < SHARED; i++) {
        struct weft_group group;
        struct echo echo = {shared->endpoints[i]};
        struct weft_message message = {{21}};
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "echo", other_cpu(),
                                                    WEFT_PRIORITY_DEFAULT, echo_once, &echo));
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(shared->endpoints[i], &message));
        EXPECT_EQUAL(42, message.words[0]);
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(shared->notifications[i], 8));
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(shared->notifications[i], 0, &bits));
        EXPECT_EQUAL(8, bits & 8);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(shared->endpoints[i]));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(shared->notifications[i]));
    }
}

static void check_memory(void)
{
    uint64_t process, deadline = weft_deadline(5000000);
    status_t status;
    while ((status = weft_process_create(ALL_PAGES, 'x', 0, 0, 0, 0, &process)) ==
               STATUS_NO_MEMORY &&
           weft_cycles() < deadline) {
        weft_sleep_for(500);
    }
    REQUIRE_STATUS(STATUS_OK, status);
    EXPECT_STATUS(STATUS_OK, weft_process_kill(process));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
}

TEST(chaos_leaves_nothing_behind,
     "random work on shared objects, random deaths, then all is as before")
{
    struct child children[PROCESSES];
    struct shared shared;
    struct weft_random random = {weft_argument_number("seed", 1)};
    REQUIRE(create_shared(&shared));
    for (unsigned i = 0; i < PROCESSES; i++) {
        REQUIRE(start_process(&children[i], &shared, weft_random_below(&random, 1000000)));
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t victim = weft_random_below(&random, PROCESSES);
        weft_sleep_for(weft_random_below(&random, 12000));
        end_process(&children[victim]);
        REQUIRE(start_process(&children[victim], &shared, weft_random_below(&random, 1000000)));
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        end_process(&children[i]);
    }
    check_shared(&shared);
    check_memory();
}

static const struct role roles[] = {{"lives", role_lives}};
ROLES_MAIN(roles)
