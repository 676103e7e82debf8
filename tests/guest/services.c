/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients and services may expect of init: names, starts in order, the next instance after any
 * kind of end, back-off, giving up, commands.
 *
 * weft-test: cpus=1,4 accel=icount
 * weft-test: cpus=4 accel=tcg
 */
#define PROGRAM "test_services"
#include "keeper.h"

#define HEARTBEAT_MS 50 /* of the keeper, as the manifest says */
#define STARTS_THAT_FAIL 6
#define STARTS_ALLOWED 4 /* give_up of the stubborn service */

static status_t ask(const char *service, uint64_t operation, struct keeper_answer *answer)
{
    struct keeper_request request = {.operation = operation};
    struct weft_call call = {
        .service = weft_capability(service), .request = &request, .answer = answer};
    return weft_call(&call);
}

/* ---- the services ------------------------------------------------------------------------------- */

/* Answers with the instance of the keeper that it found when it started. */
static int role_late(uint64_t value)
{
    static struct weft_service service;
    struct keeper_answer found = {0};
    (void)value;
    weft_service_open(&service, "late");
    struct keeper_request request = {.operation = KEEPER_READ};
    struct weft_call call = {.service = weft_capability("keeper"),
                             .request = &request,
                             .answer = &found,
                             .deadline = weft_deadline(1000000)};
    status_t status = weft_call(&call);
    for (;;) {
        weft_service_next(&service);
        *weft_answer(&service, struct keeper_answer) = found;
        weft_answer(&service, struct keeper_answer)->status = status;
    }
}

/* Fails its first starts, which it counts in its state. */
static int role_stubborn(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "stubborn");
    uint64_t *starts = weft_service_state(&service, sizeof(*starts));
    if (++*starts <= STARTS_THAT_FAIL) {
        return 3;
    }
    for (;;) {
        weft_service_next(&service);
    }
}

/* Serves whoever asks; starts when the stubborn service has made it. */
static int role_hopeful(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "hopeful");
    for (;;) {
        weft_service_next(&service);
    }
}

static int role_oneshot(uint64_t value)
{
    return (int)value;
}

/* Tells its instance; nothing else is wrong with it. */
static int role_sick(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "sick");
    for (;;) {
        weft_service_next(&service);
        weft_answer(&service, struct keeper_answer)->instance = service.page->instance;
    }
}

/* Cannot begin with the first instance of the sick one. */
static int role_needy(uint64_t value)
{
    static struct weft_service service;
    struct keeper_answer answer = {0};
    (void)value;
    weft_service_open(&service, "needy");
    if (ask("sick", 0, &answer) != STATUS_OK || answer.instance < 2) {
        return 1;
    }
    for (;;) {
        weft_service_next(&service);
    }
}

/* Takes all that there is, and then goes on asking. */
static int role_greedy(uint64_t value)
{
    static struct weft_service service;
    uint64_t handle;
    (void)value;
    weft_service_open(&service, "greedy");
    weft_service_next(&service);
    while (weft_memory_create(1, &handle) != STATUS_NO_SLOT) {
        (void)weft_notification_create(0, &handle);
    }
    while (weft_cap_delete(handle) == STATUS_OK && weft_memory_create(64, &handle) == STATUS_OK) {
    }
    while (weft_thread_create(HANDLE_SELF, THREAD_UNNAMED, 0, 0, 0, &handle) == STATUS_OK) {
    }
    return 5;
}

/* More important than the keeper beside it, and always busy: what keeps it in check is its budget. */
static int role_busy(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "busy");
    weft_service_next(&service);
    keeper_spin();
}

/* ---- names and order ------------------------------------------------------------------------------ */

TEST(a_service_starts_when_what_it_needs_is_ready,
     "a service that stands first in the manifest, and a process, start after what they need")
{
    struct weft_service_info keeper = service_info("keeper"), late = service_info("late");
    struct keeper_answer answer = {0};
    EXPECT(keeper.ready_at != 0 && keeper.ready_at <= late.started_at);
    EXPECT(late.ready_at != 0); /* this process needs it */
    EXPECT_STATUS(STATUS_OK, ask("late", 0, &answer));
    EXPECT_EQUAL(1, answer.instance);
}

TEST(a_service_knows_its_callers, "each client has a badge of its own, or the one of the manifest")
{
    struct keeper_answer answer = {0}, other = {0};
    EXPECT_STATUS(STATUS_OK, keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
    EXPECT_EQUAL(77, answer.badge);
    EXPECT_STATUS(STATUS_OK, ask("late", 0, &other)); /* what the keeper told it */
    EXPECT(other.badge != 0 && other.badge != 77);
}

TEST(bytes_go_both_ways, "what goes with a request is received, and what goes with the answer too")
{
    static uint8_t sent[WEFT_SERVICE_BYTES], back[WEFT_SERVICE_BYTES];
    struct keeper_request request = {.operation = KEEPER_REVERSE};
    struct keeper_answer answer;
    static const uint32_t sizes[] = {0, 1, 100, WEFT_SERVICE_BYTES};
    for (unsigned i = 0; i < sizeof(sent); i++) {
        sent[i] = (uint8_t)(i * 7);
    }
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct weft_call call = {.service = weft_capability("keeper"),
                                 .request = &request,
                                 .answer = &answer,
                                 .send = sent,
                                 .send_bytes = sizes[i],
                                 .receive = back,
                                 .receive_bytes = sizeof(back)};
        EXPECT_STATUS(STATUS_OK, weft_call(&call));
        EXPECT_EQUAL(sizes[i], call.received);
        EXPECT(sizes[i] == 0 || back[0] == sent[sizes[i] - 1]);
        EXPECT(sizes[i] == 0 || back[sizes[i] - 1] == sent[0]);
    }
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  keeper_ask((struct keeper_request){.operation = 99}, 0, &answer));
}

/* ---- ends, and what comes after them ---------------------------------------------------------------- */

TEST(after_any_end_comes_the_next_instance,
     "after a fault, an exit and a hang who was being served gets an error, and the state is there")
{
    static const struct {
        enum keeper_operation how;
        enum weft_service_cause cause;
        int32_t detail;
    } ends[] = {{KEEPER_FAULT, WEFT_CAUSE_FAULT, 14},
                {KEEPER_EXIT, WEFT_CAUSE_EXIT, 17},
                {KEEPER_EXIT, WEFT_CAUSE_EXIT, 0},
                {KEEPER_STUCK, WEFT_CAUSE_HANG, 0},
                {KEEPER_HANG, WEFT_CAUSE_HANG, 0}};
    for (uint64_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct keeper_answer answer = {0};
        uint64_t kept = 1000 + i;
        uint32_t before = service_info("keeper").instance;
        REQUIRE_STATUS(STATUS_OK,
                       keeper_ask((struct keeper_request){KEEPER_WRITE, i, kept, 0}, 0, &answer));
        EXPECT_STATUS(STATUS_DEAD, keeper_ask((struct keeper_request){ends[i].how, 0,
                                                                      (uint64_t)ends[i].detail, 0},
                                              0, &answer));
        EXPECT_STATUS(STATUS_OK,
                      keeper_ask((struct keeper_request){KEEPER_READ, i, 0, 0}, 0, &answer));
        EXPECT_EQUAL(kept, answer.value);
        EXPECT_EQUAL(before + 1, answer.instance);
        struct weft_service_info info = service_wait("keeper", WEFT_SERVICE_RUNNING, before + 1);
        EXPECT_EQUAL(ends[i].cause, info.cause);
        EXPECT_EQUAL(ends[i].detail, info.detail);
        EXPECT(info.failed_at <= info.started_at && info.started_at <= info.ready_at &&
               info.ready_at <= info.answered_at);
    }
}

TEST(a_hang_is_seen_in_time,
     "a turn that never ends is ended within two heartbeats, a long one with beats is not")
{
    struct keeper_answer answer = {0};
    uint64_t soonest = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t before = weft_cycles();
        EXPECT_STATUS(STATUS_DEAD,
                      keeper_ask((struct keeper_request){.operation = KEEPER_STUCK}, 0, &answer));
        EXPECT_STATUS(STATUS_OK,
                      keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
        uint64_t seen = service_info("keeper").failed_at - before;
        soonest = seen < soonest ? seen : soonest;
    }
    /* A busy host adds what it likes to any of them. */
    EXPECT(soonest <= weft_microseconds(5 * HEARTBEAT_MS * 1000 / 2));
    uint64_t instance = answer.instance;
    EXPECT_STATUS(STATUS_OK,
                  keeper_ask((struct keeper_request){KEEPER_WORK, 0, 3 * HEARTBEAT_MS * 1000, 0}, 0,
                             &answer));
    weft_sleep_for(3 * HEARTBEAT_MS * 1000); /* idle is no hang either */
    EXPECT_STATUS(STATUS_OK, keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
    EXPECT_EQUAL(instance, answer.instance);
}

TEST(what_may_be_asked_again_is,
     "with retries the next instance answers; not for ever, if it dies too")
{
    struct keeper_answer answer = {0};
    REQUIRE_STATUS(STATUS_OK,
                   keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
    struct keeper_request request = {.operation = KEEPER_EXIT_ONCE, .value = answer.instance};
    struct weft_call call = {
        .service = weft_capability("keeper"), .request = &request, .answer = &answer, .retries = 1};
    EXPECT_STATUS(STATUS_OK, weft_call(&call));
    EXPECT_EQUAL(1, call.deaths);
    EXPECT_EQUAL(request.value + 1, answer.instance);
    _Bool answered = 1;
    request.operation = KEEPER_EXIT;
    call.retries = 3;
    EXPECT_STATUS(STATUS_DEAD, weft_call_answered(&call, &answered));
    EXPECT_EQUAL(4, call.deaths);
    EXPECT(!answered);
}

TEST(calls_wait_for_the_next_instance,
     "a call while nobody is there waits, as long as its deadline allows")
{
    struct keeper_answer answer = {0};
    struct keeper_request request = {.operation = KEEPER_READ};
    struct weft_call call = {.service = weft_capability("sleepy"),
                             .request = &request,
                             .answer = &answer,
                             .deadline = weft_deadline(2000)};
    service_wait("sleepy", WEFT_SERVICE_RESTING, 1); /* for a minute */
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_call(&call));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_restart("sleepy"));
    call.deadline = 0;
    EXPECT_STATUS(STATUS_OK, weft_call(&call));
    EXPECT_EQUAL(2, service_info("sleepy").instance);
}

/* Its first instance ends at once. */
static int role_sleepy(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "sleepy");
    for (; service.page->instance > 1;) {
        weft_service_next(&service);
    }
    return 1;
}

/* ---- giving up -------------------------------------------------------------------------------------- */

TEST(a_crash_loop_backs_off_and_is_given_up,
     "who fails again and again is started ever later, then no more, and dependants are told")
{
    struct keeper_answer answer = {0};
    struct weft_service_info info = service_wait("stubborn", WEFT_SERVICE_GIVEN_UP, 0);
    EXPECT_EQUAL(STARTS_ALLOWED, info.failures);
    EXPECT_EQUAL(STARTS_ALLOWED, info.instance);
    EXPECT(info.cause == WEFT_CAUSE_EXIT && info.detail == 3);
    EXPECT_STATUS(STATUS_DEAD, ask("stubborn", 1, &answer)); /* at once, and the second time too */
    EXPECT_STATUS(STATUS_DEAD, ask("stubborn", 1, &answer));
    info = service_wait("hopeful", WEFT_SERVICE_GIVEN_UP, 0);
    EXPECT(info.cause == WEFT_CAUSE_NEEDS && info.instance == 0);
    EXPECT_STATUS(STATUS_DEAD, ask("hopeful", 1, &answer));
}

TEST(what_was_given_up_can_be_started_by_hand,
     "after a command it is there for its old clients, and who waits for it starts")
{
    struct keeper_answer answer = {0};
    uint64_t before = weft_cycles();
    EXPECT_STATUS(STATUS_OK, weft_supervisor_restart("stubborn"));
    struct weft_service_info info =
        service_wait("stubborn", WEFT_SERVICE_RUNNING, STARTS_THAT_FAIL + 1);
    EXPECT_EQUAL(STARTS_THAT_FAIL + 1, info.instance); /* the fifth and sixth start failed */
    EXPECT(info.started_at - before >= weft_microseconds(2000 + 4000)); /* what it backed off */
    EXPECT_STATUS(STATUS_OK, ask("stubborn", 1, &answer));
    (void)service_wait("hopeful", WEFT_SERVICE_RUNNING, 1);
    EXPECT_STATUS(STATUS_OK, ask("hopeful", 1, &answer));
}

TEST(a_service_may_end, "with restart=failure, status 0 is an end, and calls say so at once")
{
    struct keeper_answer answer = {0};
    struct weft_service_info info = service_wait("oneshot", WEFT_SERVICE_ENDED, 1);
    EXPECT(info.instance == 1 && info.cause == WEFT_CAUSE_EXIT && info.detail == 0);
    EXPECT_STATUS(STATUS_DEAD, ask("oneshot", 1, &answer));
    EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_supervisor_kill("oneshot"));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_restart("oneshot"));
    info = service_wait("oneshot", WEFT_SERVICE_ENDED, 2);
    EXPECT_EQUAL(0, info.failures);
    EXPECT_STATUS(STATUS_DEAD, ask("oneshot", 1, &answer));
}

/* ---- others are not hurt ---------------------------------------------------------------------------- */

TEST(who_takes_all_hurts_nobody_else,
     "a service that uses up memory, capabilities and threads is restarted, and all comes back")
{
    struct keeper_answer answer = {0};
    struct weft_service_info info;
    uint64_t before, after = 0;
    EXPECT_STATUS(STATUS_OK, weft_supervisor_list(0, &info, &before));
    for (uint32_t round = 0; round < 3; round++) {
        EXPECT_STATUS(STATUS_DEAD, ask("greedy", 1, &answer));
        EXPECT_STATUS(STATUS_OK,
                      keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
        (void)service_wait("greedy", WEFT_SERVICE_RUNNING, round + 2);
    }
    /* A process's memory comes back some time after its end, that of the test before this one too: so there
     * may be more in the end than there was. */
    while (after < before) {
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_list(0, &info, &after));
        weft_sleep_for(1000);
    }
}

TEST(a_budget_leaves_time_for_others,
     "a service that runs always, and is more important, lets others run")
{
    struct keeper_answer answer = {0};
    struct keeper_request request = {.operation = 1};
    struct weft_call call = {.service = weft_capability("busy"),
                             .request = &request,
                             .answer = &answer,
                             .deadline = weft_deadline(3000)};
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_call(&call)); /* from here on it is busy */
    uint32_t instance = service_info("keeper").instance;
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_STATUS(STATUS_OK,
                      keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 0, &answer));
        weft_sleep_for(5000);
    }
    EXPECT_EQUAL(instance, service_info("keeper").instance); /* its heartbeat went on */
    EXPECT_STATUS(STATUS_OK, weft_supervisor_restart("busy"));
}

TEST(a_service_that_is_needed_is_started_anew,
     "where a service fails four times before it is ready, those that it needs begin again, too")
{
    struct weft_service_info needy = service_wait("needy", WEFT_SERVICE_RUNNING, 5);
    struct weft_service_info sick = service_info("sick");
    EXPECT_EQUAL(2, sick.instance);
    EXPECT_EQUAL(WEFT_CAUSE_BLAMED, sick.cause);
    EXPECT_EQUAL(0, sick.failures);
    EXPECT_EQUAL(needy.instance - 1, needy.failures);
}

TEST(commands_are_checked, "names and numbers that there are not are refused")
{
    struct weft_service_info info;
    struct supervisor_request request = {.operation = 99};
    struct supervisor_answer answer;
    struct weft_call call = {
        .service = weft_capability("supervisor"), .request = &request, .answer = &answer};
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_kill("nobody"));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_restart("services")); /* no service */
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_kill("a-name-that-is-much-too-long-for-it"));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_list(1000, &info, NULL));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_call(&call));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_find("nobody", &info));
}

static const struct role roles[] = {
    {"keeper", role_keeper},   {"late", role_late},       {"stubborn", role_stubborn},
    {"oneshot", role_oneshot}, {"greedy", role_greedy},   {"busy", role_busy},
    {"sleepy", role_sleepy},   {"hopeful", role_hopeful}, {"sick", role_sick},
    {"needy", role_needy},
};
ROLES_MAIN(roles)
