/* SPDX-License-Identifier: Apache-2.0
 *
 * What init does on somebody's word: services are ended when a client that may complain does so, and their inside
 * is handed out where the manifest says so.
 *
 * weft-test: cpus=1,4 accel=icount
 */
#define PROGRAM "test_inside"
#include "keeper.h"

#define PLACE (WEFT_FREE_BASE + 0x100000)

static struct keeper_answer read_cell(void)
{
    struct keeper_answer answer = {0};
    EXPECT_STATUS(STATUS_OK, keeper_ask((struct keeper_request){KEEPER_READ, 0, 0, 0}, 5, &answer));
    return answer;
}

/* ---- complaints --------------------------------------------------------------------------------- */

TEST(a_complaint_ends_an_instance, "who may complain of a service has it started anew")
{
    struct keeper_answer before = read_cell();
    EXPECT_STATUS(STATUS_OK, weft_supervisor_complain("keeper", weft_cycles()));
    (void)service_wait("keeper", WEFT_SERVICE_RUNNING, (uint32_t)before.instance + 1);
    EXPECT_EQUAL(before.instance + 1, read_cell().instance);
    struct weft_service_info info = service_info("keeper");
    EXPECT_EQUAL(WEFT_CAUSE_COMPLAINT, info.cause);
    EXPECT_EQUAL(1, info.failures);
}

TEST(an_old_complaint_is_over, "what an instance before did is no fault of the one that runs")
{
    uint64_t long_ago = service_info("keeper").started_at - 1;
    struct keeper_answer before = read_cell();
    EXPECT_STATUS(STATUS_OK, weft_supervisor_complain("keeper", long_ago));
    weft_sleep_for(5000);
    EXPECT_EQUAL(before.instance, read_cell().instance);
    EXPECT_EQUAL(1, service_info("keeper").failures);
}

TEST(a_complaint_is_of_what_one_uses, "other services, and other commands, are refused")
{
    struct weft_service_info info;
    struct supervisor_request request = {.operation = SUPERVISOR_KILL, .name = "keeper"};
    struct supervisor_answer answer;
    struct weft_call call = {
        .service = weft_capability("complain"), .request = &request, .answer = &answer};
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_supervisor_complain("other", weft_cycles()));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_supervisor_complain("nobody", weft_cycles()));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_supervisor_complain("test", weft_cycles()));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_complain("a-name-that-is-too-long", 0));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_call(&call));
    request = (struct supervisor_request){.operation = SUPERVISOR_LIST};
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_call(&call));
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_find("other", &info));
    EXPECT_EQUAL(1, info.instance);
}

TEST(
    what_is_needed_is_suspected,
    "where complaints of four instances in a row come soon, what the service needs is started anew")
{
    uint32_t first = service_info("other").instance;
    for (uint32_t i = 0; i < 4; i++) {
        struct keeper_answer before = read_cell();
        EXPECT_STATUS(STATUS_OK, weft_supervisor_complain("keeper", weft_cycles()));
        (void)service_wait("keeper", WEFT_SERVICE_RUNNING, (uint32_t)before.instance + 1);
    }
    struct weft_service_info info = service_wait("other", WEFT_SERVICE_RUNNING, first + 1);
    EXPECT_EQUAL(first + 1, info.instance);
    EXPECT_EQUAL(WEFT_CAUSE_BLAMED, info.cause);
}

/* ---- the inside --------------------------------------------------------------------------------- */

static void close_inside(const struct weft_inside *inside)
{
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(inside->handles[i]));
    }
}

TEST(only_what_is_opened_has_an_inside, "and nobody else")
{
    struct weft_inside inside;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_supervisor_open("other", &inside));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_open("nobody", &inside));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_supervisor_open("test", &inside));
}

TEST(code_is_changed_from_outside, "what is written into an opened service's code, it meets")
{
    struct weft_inside inside = {0};
    uint32_t instance = (uint32_t)read_cell().instance;
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_open("keeper", &inside));
    EXPECT_EQUAL(instance, inside.instance);
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, inside.handles[WEFT_INSIDE_CODE], PLACE,
                                              0, inside.code_pages, RIGHT_READ | RIGHT_WRITE));
    memset((void *)PLACE, 0xcc, inside.code_pages * WEFT_PAGE_SIZE); /* traps, all of it */
    struct weft_service_info info = service_wait("keeper", WEFT_SERVICE_RUNNING, instance + 1);
    EXPECT_EQUAL(WEFT_CAUSE_FAULT, info.cause);
    EXPECT_EQUAL(instance + 1, read_cell().instance);
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, inside.code_pages));
    close_inside(&inside);
}

TEST(a_stopped_thread_is_a_hang, "the thread of an opened service can be suspended")
{
    struct weft_inside inside = {0};
    uint32_t instance = (uint32_t)read_cell().instance;
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_open("keeper", &inside));
    EXPECT_STATUS(STATUS_OK, weft_thread_suspend(inside.handles[WEFT_INSIDE_THREAD]));
    struct weft_service_info info = service_wait("keeper", WEFT_SERVICE_RUNNING, instance + 1);
    EXPECT_EQUAL(WEFT_CAUSE_HANG, info.cause);
    EXPECT_STATUS(STATUS_DEAD, weft_thread_resume(inside.handles[WEFT_INSIDE_THREAD]));
    close_inside(&inside);
}

static uint64_t free_pages(void)
{
    struct weft_service_info info;
    uint64_t pages = 0;
    EXPECT_STATUS(STATUS_OK, weft_supervisor_list(0, &info, &pages));
    return pages;
}

TEST(an_inside_costs_nothing_afterwards, "init's memory is the same, to the page")
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < 4; i++) {
        struct weft_inside inside = {0};
        uint32_t instance = (uint32_t)read_cell().instance;
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_open("keeper", &inside));
        EXPECT_STATUS(STATUS_OK, weft_process_kill(inside.handles[WEFT_INSIDE_PROCESS]));
        close_inside(&inside);
        (void)service_wait("keeper", WEFT_SERVICE_RUNNING, instance + 1);
        if (i == 1) { /* what init makes once, it has made */
            pages = free_pages();
        }
    }
    for (uint64_t now = free_pages(); now < pages; now = free_pages()) {
        weft_sleep_for(500); /* a leak hangs here, and so fails */
    }
}

/* Needed by the keeper. */
static int role_other(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "other");
    for (;;) {
        weft_service_next(&service);
    }
}

static const struct role roles[] = {{"keeper", role_keeper}, {"other", role_other}};
ROLES_MAIN(roles)
