/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor is asked for beside killing and restarting (tests/guest/services.c): stopping and starting,
 * programs that are run by hand, what each process was given, and a capability that lists only.
 *
 * weft-test: cpus=1,4
 * weft-test: cpus=4 accel=icount
 */
#include "weft/client.h"
#include "weft/ktap.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/time.h"

struct server_request {
    uint64_t operation;
    uint64_t unused[3];
};
WEFT_REQUEST(struct server_request);

struct server_answer {
    status_t status;
    uint64_t unused[3];
};
WEFT_ANSWER(struct server_answer);

static int serve(void)
{
    static struct weft_service service;
    weft_service_open(&service, "server");
    for (;;) {
        weft_service_next(&service);
        weft_answer(&service, struct server_answer)->status = STATUS_OK;
    }
}

static status_t ask_server(void)
{
    struct server_request request = {.operation = 1};
    struct server_answer answer;
    struct weft_call call = {
        .service = weft_capability("server"), .request = &request, .answer = &answer};
    return weft_call(&call);
}

/* The list's entry of this name, and its number. */
static uint32_t find(const char *name, struct weft_service_info *info)
{
    uint32_t number = 0;
    while (weft_supervisor_list(number, info, NULL) == STATUS_OK && strcmp(info->name, name) != 0) {
        number++;
    }
    EXPECT(strcmp(info->name, name) == 0);
    return number;
}

static struct weft_service_info wait_for(const char *name, enum weft_service_state state)
{
    struct weft_service_info info = {0};
    uint64_t deadline = weft_deadline(10000000);
    while (find(name, &info), info.state != state && weft_cycles() < deadline) {
        weft_sleep_for(100);
    }
    EXPECT_EQUAL(state, info.state);
    return info;
}

TEST(what_is_stopped_stays_so,
     "calls say so at once, until somebody starts it; and that is no failure")
{
    EXPECT_STATUS(STATUS_OK, ask_server());
    EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_supervisor_start("server"));
    for (uint32_t i = 0; i < 5; i++) {
        EXPECT_STATUS(STATUS_OK, weft_supervisor_stop("server"));
        struct weft_service_info info = wait_for("server", WEFT_SERVICE_ENDED);
        EXPECT_EQUAL(WEFT_CAUSE_KILLED, info.cause);
        EXPECT_EQUAL(0, info.failures);
        EXPECT_EQUAL(0, info.pages);
        EXPECT_STATUS(STATUS_DEAD, ask_server());
        EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_supervisor_stop("server"));
        EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_supervisor_kill("server"));
        EXPECT_STATUS(STATUS_OK, weft_supervisor_start("server"));
        EXPECT_STATUS(STATUS_OK, ask_server());
        info = wait_for("server", WEFT_SERVICE_RUNNING);
        EXPECT_EQUAL(i + 2, info.instance);
    }
}

TEST(a_stop_wins_over_a_restart, "who is killed and then stopped does not come back")
{
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("server"));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_stop("server"));
    (void)wait_for("server", WEFT_SERVICE_ENDED);
    weft_sleep_for(20000); /* its back-off is 1 ms at most */
    (void)wait_for("server", WEFT_SERVICE_ENDED);
    EXPECT_STATUS(STATUS_OK, weft_supervisor_start("server"));
    EXPECT_STATUS(STATUS_OK, ask_server());
}

static uint64_t run_tool(const char *arguments)
{
    EXPECT_STATUS(STATUS_OK, weft_supervisor_run("tool", arguments));
    struct weft_service_info info = wait_for("tool", WEFT_SERVICE_ENDED);
    EXPECT_EQUAL(WEFT_CAUSE_EXIT, info.cause);
    return (uint64_t)info.detail;
}

#define RUNS 50

/* Init's free memory, when all of those who have ended is back: that comes after their end. */
static uint64_t free_at_rest(void)
{
    struct weft_service_info info;
    uint64_t pages = 0, last;
    do {
        last = pages;
        weft_sleep_for(20000);
        EXPECT_STATUS(STATUS_OK, weft_supervisor_list(0, &info, &pages));
    } while (pages != last);
    return pages;
}

TEST(programs_run_by_hand, "with the words of the entry or others, as often as one likes")
{
    struct weft_service_info info;
    find("tool", &info);
    EXPECT(info.is_manual && info.instance == 0 && info.state == WEFT_SERVICE_ENDED);
    EXPECT_EQUAL(3, run_tool(""));
    EXPECT_EQUAL(8, run_tool("role=tool exit=8"));
    EXPECT_EQUAL(3, run_tool(""));
    uint64_t before = free_at_rest();
    for (uint32_t i = 0; i < RUNS; i++) {
        EXPECT_EQUAL(3, run_tool(""));
    }
    /* Less than a page for each: a table may be larger where a run began before the last one's memory was back. */
    while (free_at_rest() + RUNS / 2 < before) {
        /* a leak stays here */
    }
}

TEST(a_program_runs_once_at_a_time, "it can be killed, and its failure to start is its own")
{
    struct weft_service_info info;
    EXPECT_STATUS(STATUS_OK, weft_supervisor_run("tool", "role=sleeper"));
    EXPECT_STATUS(STATUS_WOULD_BLOCK, weft_supervisor_run("tool", ""));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("tool"));
    info = wait_for("tool", WEFT_SERVICE_ENDED);
    EXPECT_EQUAL(WEFT_CAUSE_KILLED, info.cause);
    EXPECT_STATUS(STATUS_OK, weft_supervisor_run("missing", ""));
    info = wait_for("missing", WEFT_SERVICE_ENDED);
    EXPECT_EQUAL(WEFT_CAUSE_START, info.cause);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_run("nobody", ""));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_run("server", ""));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_stop("tool"));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_kill("supervisor"));
}

/* The list says of this process what the kernel says of its handles. */
TEST(capabilities_are_told_as_they_are,
     "names, types, rights and badges, as in the process's own table")
{
    struct weft_capability_info told[WEFT_SUPERVISOR_CAPABILITIES_MAX];
    const struct weft_startup *startup = weft_startup();
    struct weft_service_info info;
    uint32_t count;
    REQUIRE_STATUS(STATUS_OK,
                   weft_supervisor_capabilities(find("supervisor", &info), told, &count));
    REQUIRE(count == startup->capability_count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t handle = weft_capability(told[i].name), kind = 0, badge = 0;
        EXPECT_STATUS(STATUS_OK, weft_cap_inspect(handle, 0, &kind));
        EXPECT_STATUS(STATUS_OK, weft_cap_inspect(handle, 1, &badge));
        if (!EXPECT_EQUAL(kind & 0xff, told[i].type) ||
            !EXPECT_EQUAL(kind >> 8 & 0xff, told[i].rights) ||
            !EXPECT_EQUAL(badge, told[i].badge)) {
            ktap_note("capability %s", told[i].name);
        }
        if (strcmp(told[i].name, "server") == 0) {
            EXPECT(strcmp(told[i].target, "server") == 0);
        }
    }
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_capabilities(99, told, &count));
}

static status_t ask_as_list(enum supervisor_operation operation, const char *name)
{
    struct supervisor_request request = {.operation = operation};
    struct supervisor_answer answer = {0};
    struct weft_call call = {
        .service = weft_capability("lists"), .request = &request, .answer = &answer};
    (void)weft_string_copy(request.name, name, sizeof(request.name));
    return weft_call(&call);
}

TEST(a_list_is_all_that_it_allows, "with only=list every command is refused, and nothing happens")
{
    static const enum supervisor_operation commands[] = {SUPERVISOR_KILL, SUPERVISOR_RESTART,
                                                         SUPERVISOR_STOP, SUPERVISOR_START};
    struct weft_service_info before, after;
    find("server", &before);
    for (uint32_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        EXPECT_STATUS(STATUS_NO_RIGHT, ask_as_list(commands[i], "server"));
    }
    EXPECT_STATUS(STATUS_NO_RIGHT, ask_as_list(SUPERVISOR_RUN, "tool"));
    EXPECT_STATUS(STATUS_OK, ask_as_list(SUPERVISOR_LIST, ""));
    EXPECT_STATUS(STATUS_OK, ask_as_list(SUPERVISOR_CAPABILITIES, ""));
    find("server", &after);
    EXPECT_EQUAL(before.instance, after.instance);
}

int main(void)
{
    char role[16];
    if (!weft_argument("role", role, sizeof(role))) {
        return ktap_run();
    }
    if (strcmp(role, "server") == 0) {
        return serve();
    }
    while (strcmp(role, "sleeper") == 0) {
        weft_sleep_for(1000000);
    }
    return (int)weft_argument_number("exit", 0);
}
