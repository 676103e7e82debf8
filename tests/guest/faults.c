/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults as messages: a pager, a supervisor that mends, one that ends, and ones that are not there.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount seed=1,2,3
 */
#define PROGRAM "test_faults"
#include "subject.h"

#define PAGES 4
#define HOLE (WEFT_FREE_BASE + 0x100000) /* where nothing is mapped at first */
#define PAGE_FAULT 14
#define INVALID_INSTRUCTION 6
#define GENERAL_PROTECTION 13

/* ---- in the child: what faults ---------------------------------------------------------------- */

/* Touches pages that a pager has to map first; fails where a register does not survive it. */
static int role_touches(uint64_t value)
{
    for (unsigned i = 0; i < PAGES; i++) {
        volatile uint64_t *at = (volatile uint64_t *)(HOLE + i * WEFT_PAGE_SIZE + value * 8);
        *at = value + i;
        if (*at != value + i) {
            return 1;
        }
    }
    return 42;
}

/* Its status is what rbx holds behind an instruction that does not exist. */
static int role_traps(uint64_t value)
{
    __asm__ volatile("ud2" : "+b"(value));
    return (int)value;
}

static int role_traps_later(uint64_t value)
{
    weft_sleep_for(value);
    return role_traps(value);
}

static int role_sleeps(uint64_t value)
{
    (void)value;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

static int role_reads_badly(uint64_t value)
{
    return (int)*(volatile uint64_t *)(value + 0x8000000000000000);
}

/* ---- the other side --------------------------------------------------------------------------- */

struct supervised {
    struct child child;
    uint64_t endpoint;
};

/* Starts a child whose faults come to an endpoint of ours on `there`, under the badge 77. */
static _Bool supervised_start(struct supervised *supervised, const char *role, uint32_t cpu,
                              uint32_t there, uint64_t value)
{
    struct child_options options = {.value = value, .named = 1};
    if (!EXPECT_STATUS(STATUS_OK, weft_endpoint_create(there, &supervised->endpoint)) ||
        !EXPECT_STATUS(STATUS_OK,
                       weft_cap_copy(HANDLE_SELF, supervised->endpoint, RIGHT_WRITE | RIGHT_COPY,
                                     77, &options.fault_endpoint)) ||
        !child_start_with(&supervised->child, role, cpu, NULL, 0, &options)) {
        return 0;
    }
    return EXPECT_STATUS(STATUS_OK, weft_cap_delete(options.fault_endpoint));
}

/* Takes the next fault, and answers the one before unless told not to. */
static void next_fault(struct supervised *supervised, struct weft_message *message)
{
    uint64_t badge = 0;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(supervised->endpoint, message, &badge));
    EXPECT_EQUAL(77, badge);
}

static void expect_end(struct supervised *supervised, enum weft_cause cause, uint32_t status)
{
    struct weft_end end = child_wait(&supervised->child);
    EXPECT_EQUAL(cause, end.cause);
    EXPECT_EQUAL(status, end.status);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(supervised->child.thread));
    child_close(&supervised->child);
    (void)weft_cap_delete(supervised->endpoint); /* it may be gone: that was the test */
}

/* ---- a pager ---------------------------------------------------------------------------------- */

/* Maps the page that the fault wants into the child, with a word of ours in it. */
static void page_in(struct supervised *supervised, const struct weft_message *message, unsigned i)
{
    uint64_t memory, page = message->words[1] & ~(WEFT_PAGE_SIZE - 1);
    EXPECT_EQUAL(PAGE_FAULT, message->words[0] & 0xffffffff);
    EXPECT_EQUAL(6, message->words[0] >> 32); /* not present, a write, from user mode */
    EXPECT_EQUAL(HOLE + i * WEFT_PAGE_SIZE, page);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    EXPECT_STATUS(STATUS_OK, weft_memory_map(supervised->child.process, memory, page, 0, 1,
                                             RIGHT_READ | RIGHT_WRITE));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(a_pager_maps_what_is_touched,
     "an access that faulted is tried again when its pager has mapped it")
{
    for (uint32_t i = 0; i < cpu_count() * cpu_count(); i++) {
        struct supervised supervised;
        struct weft_message message = {{0}};
        REQUIRE(supervised_start(&supervised, "touches", i / cpu_count(), i % cpu_count(), 3));
        for (unsigned page = 0; page < PAGES; page++) {
            next_fault(&supervised, &message);
            page_in(&supervised, &message, page);
            message = (struct weft_message){{0, ~0ull, ~0ull, ~0ull}}; /* none of it arrives */
        }
        EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
        expect_end(&supervised, WEFT_EXITED, 42);
    }
}

/* ---- a supervisor that mends ------------------------------------------------------------------ */

TEST(a_supervisor_mends_and_resumes,
     "a thread goes on behind what faulted with the registers it is given")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct supervised supervised;
        struct weft_message message = {{0}};
        struct weft_registers seen = {0}, registers = {0};
        struct weft_thread_status status = {0};
        REQUIRE(supervised_start(&supervised, "traps", cpu, other_cpu(), 9));
        uint64_t thread = supervised.child.thread;
        next_fault(&supervised, &message);
        EXPECT_EQUAL(INVALID_INSTRUCTION, message.words[0]);
        EXPECT_EQUAL(0, message.words[1]);
        EXPECT_STATUS(STATUS_OK, weft_thread_status(thread, (uint64_t)&status));
        EXPECT_EQUAL(status.id, message.words[3]);
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(thread, (uint64_t)&seen));
        EXPECT_EQUAL(message.words[2], seen.rip);
        EXPECT_STATUS(STATUS_BUSY, weft_thread_registers_write(thread, (uint64_t)&seen));
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(thread));
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(thread, (uint64_t)&registers));
        EXPECT(memcmp(&seen, &registers, sizeof(seen)) == 0);
        EXPECT_EQUAL(9, registers.rbx);
        registers.rip += 2; /* behind ud2 */
        registers.rbx = 55;
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_write(thread, (uint64_t)&registers));
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(thread));
        expect_end(&supervised, WEFT_EXITED, 55);
    }
}

/* ---- ones that end it, or are not there -------------------------------------------------------- */

TEST(an_answer_ends_the_thread, "an answer other than 0 ends the thread that faulted")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct supervised supervised;
        struct weft_message message = {{0}};
        REQUIRE(supervised_start(&supervised, "reads_badly", cpu, 0, 0));
        next_fault(&supervised, &message);
        EXPECT_EQUAL(GENERAL_PROTECTION, message.words[0] & 0xffffffff);
        message.words[0] = 1;
        EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
        expect_end(&supervised, WEFT_EXITED, GENERAL_PROTECTION); /* it was its last thread */
    }
}

TEST(a_faulted_thread_is_killed, "a thread that waits for what comes of its fault can be killed")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct supervised held, queued;
        struct weft_message message = {{0}};
        REQUIRE(supervised_start(&held, "traps", cpu, other_cpu(), 1));
        next_fault(&held, &message);
        EXPECT_STATUS(STATUS_OK, weft_thread_kill(held.child.thread));
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
        expect_end(&held, WEFT_EXITED, 0);
        REQUIRE(supervised_start(&queued, "traps", cpu, other_cpu(), 1));
        weft_sleep_for(3000);
        EXPECT_STATUS(STATUS_OK, weft_process_kill(queued.child.process));
        expect_end(&queued, WEFT_KILLED, 0);
    }
}

TEST(without_a_handler_the_process_ends,
     "where nobody can answer, a fault ends the process as ever")
{
    for (uint32_t i = 0; i < 2 * cpu_count(); i++) {
        struct supervised supervised;
        REQUIRE(supervised_start(&supervised, "traps", i / 2, other_cpu(), 1));
        if (i % 2 == 0) {
            weft_sleep_for(3000); /* it waits for us already */
        }
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(supervised.endpoint)); /* nobody receives */
        expect_end(&supervised, WEFT_FAULT, INVALID_INSTRUCTION);
    }
}

static void take_and_end(void *argument)
{
    struct subject *handler = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    (void)weft_ipc_reply_receive(handler->object, &message, &badge);
}

TEST(a_dead_handler_ends_the_process,
     "when the thread that has taken a fault dies, the process ends")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct supervised supervised;
        struct subject handler = {0};
        REQUIRE(supervised_start(&supervised, "traps", cpu, other_cpu(), 1));
        handler.object = supervised.endpoint;
        REQUIRE(subject_start(&handler, cpu, take_and_end));
        subject_join(&handler);
        expect_end(&supervised, WEFT_FAULT, INVALID_INSTRUCTION);
    }
}

/* It serves its own faults: that cannot go well, but harms nobody else. */
static int role_serves_itself(uint64_t value)
{
    uint64_t endpoint;
    if (weft_endpoint_create(weft_startup()->cpu, &endpoint) != STATUS_OK ||
        weft_process_fault_endpoint(HANDLE_SELF, endpoint) != STATUS_OK) {
        return 1;
    }
    return role_traps(value);
}

TEST(who_serves_itself_waits, "a handler that faults itself waits, and can be killed")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child child;
        REQUIRE(child_start(&child, "serves_itself", cpu, NULL, 0));
        weft_sleep_for(3000);
        EXPECT_EQUAL(WEFT_ALIVE, weft_process_end(child.process).cause);
        child_kill(&child);
    }
}

/* ---- setting it ------------------------------------------------------------------------------- */

TEST(fault_rights_are_needed,
     "setting the endpoint needs manage on the process, write and copy on the endpoint")
{
    struct child child;
    uint64_t endpoint, reader, writer, weak;
    REQUIRE(child_start(&child, "sleeps", other_cpu(), NULL, 0));
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK,
                   weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_READ | RIGHT_COPY, 0, &reader));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_WRITE, 0, &writer));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, child.process, RIGHT_READ, 0, &weak));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_fault_endpoint(weak, endpoint));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_fault_endpoint(child.process, reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_fault_endpoint(child.process, writer));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_process_fault_endpoint(child.process, HANDLE_SELF));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_process_fault_endpoint(endpoint, endpoint));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_fault_endpoint(child.process, 0x100));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_fault_endpoint(0, endpoint));
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_STATUS(STATUS_OK, weft_process_fault_endpoint(child.process, endpoint));
    }
    EXPECT_STATUS(STATUS_OK, weft_process_fault_endpoint(child.process, 0));
    EXPECT_STATUS(STATUS_OK, weft_process_kill(child.process));
    (void)child_wait(&child);
    EXPECT_STATUS(STATUS_DEAD, weft_process_fault_endpoint(child.process, endpoint));
    child_close(&child);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(weak));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

TEST(nobody_names_the_slot, "the slot of the fault endpoint is out of a program's reach")
{
    uint64_t endpoint, copy, bits;
    struct weft_message message = {{0}};
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_process_fault_endpoint(HANDLE_SELF, endpoint));
    for (uint64_t handle = 0; handle < 64 * 256; handle += 256) {
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call(handle, &message));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_copy(HANDLE_SELF, handle, 0, 0, &copy));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(handle, 0, &bits));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_revoke(handle));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(handle));
    }
    EXPECT_STATUS(STATUS_OK, weft_process_fault_endpoint(HANDLE_SELF, 0));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

TEST(a_revoked_endpoint_hears_nothing,
     "when the capability that was given is revoked, faults end the process")
{
    struct supervised supervised;
    struct child_options options = {.value = 300000};
    uint64_t given;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(other_cpu(), &supervised.endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, supervised.endpoint,
                                            RIGHT_WRITE | RIGHT_COPY, 7, &given));
    options.fault_endpoint = given;
    options.named = 1;
    REQUIRE(child_start_with(&supervised.child, "traps_later", other_cpu(), NULL, 0, &options));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(given));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(given));
    expect_end(&supervised, WEFT_FAULT, INVALID_INSTRUCTION);
}

static const struct role roles[] = {
    {"touches", role_touches},
    {"traps", role_traps},
    {"traps_later", role_traps_later},
    {"reads_badly", role_reads_badly},
    {"serves_itself", role_serves_itself},
    {"sleeps", role_sleeps},
};
ROLES_MAIN(roles)
