/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile programs: each does what it must not do, and ends by a fault or gets an error, alone. On
 * every CPU a witness process lives all the time and must go on; so must this test.
 *
 * weft-test: cpus=4 timeout=120
 * weft-test: cpus=1 memory=64M timeout=120
 * weft-test: cpus=2 cpu=qemu64 timeout=120
 * weft-test: cpus=4 accel=icount timeout=120
 */
#define PROGRAM "test_hostile"
#include "witness.h"

#if defined(__x86_64__)
#include "hostile_x86_64.h"
#else
#error "say what a hostile program does on this architecture"
#endif

#define DEED_COUNT (sizeof(deeds) / sizeof(deeds[0]))
/* ---- deeds ----------------------------------------------------------------------------------- */

static int role_commits(uint64_t value)
{
    deeds[value].commit();
    return 100; /* it got away with it */
}

TEST(each_deed_ends_its_program_alone, "forbidden memory, instructions, jumps, traps and divisions")
{
    REQUIRE(witnesses_start(&witnesses));
    for (unsigned i = 0; i < DEED_COUNT; i++) {
        struct weft_end end = child_run("commits", i % cpu_count(), i, NULL, 0);
        if (end.cause != WEFT_FAULT ||
            (deeds[i].vector != VECTOR_ANY && deeds[i].vector != end.status)) {
            ktap_note("%s: cause %u, status %u, wanted fault %u", deeds[i].name, end.cause,
                      end.status, deeds[i].vector);
            EXPECT(end.cause == WEFT_FAULT && deeds[i].vector == end.status);
        }
        witnesses_go_on(&witnesses);
    }
    witnesses_end(&witnesses);
}

static int role_calls_in_odd_state(uint64_t value)
{
    for (unsigned i = 0; i < 50; i++) {
        if (call_in_odd_state((unsigned)value) != STATUS_OK) {
            return 1;
        }
        (void)weft_yield();
        weft_sleep_for(20);
    }
    return 0;
}

TEST(odd_states_do_no_harm, "system calls with odd flags, stacks and segments work")
{
    REQUIRE(witnesses_start(&witnesses));
    for (unsigned state = 0; state < ODD_STATES; state++) {
        struct weft_end end = child_run("calls_in_odd_state", other_cpu(), state, NULL, 0);
        if (!EXPECT_EQUAL(WEFT_EXITED, end.cause) || !EXPECT_EQUAL(0, end.status)) {
            ktap_note("state %u", state);
        }
    }
    witnesses_end(&witnesses);
}

/* ---- taking everything ----------------------------------------------------------------------- */

static void pause_forever(void *argument)
{
    (void)argument;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

/* Takes threads, objects and processes until nothing is left; each end is an error, no accident. */
static int role_takes_everything(uint64_t value)
{
    uint64_t handle;
    status_t status;
    (void)value;
    while ((status = weft_process_create(8, 'x', 0, 0, 0, 0, &handle)) == STATUS_OK) {
    }
    if (status != STATUS_NO_MEMORY && status != STATUS_NO_SLOT) {
        return 1;
    }
    for (uint32_t i = 0;
         (status = weft_thread_start(NULL, "greedy", i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                                     pause_forever, NULL)) == STATUS_OK;
         i++) {
    }
    if (status != STATUS_NO_MEMORY && status != STATUS_NO_SLOT) {
        return 2;
    }
    while ((status = weft_endpoint_create(other_cpu(), &handle)) == STATUS_OK) {
    }
    return status == STATUS_NO_MEMORY || status == STATUS_NO_SLOT ? 0 : 3;
}

TEST(taking_everything_takes_only_ones_own, "a program that uses up its quota harms nobody else")
{
    REQUIRE(witnesses_start(&witnesses));
    for (unsigned i = 0; i < 2 * cpu_count(); i++) {
        struct weft_end end = child_run("takes_everything", i / 2, 0, NULL, 0);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
    }
    witnesses_end(&witnesses);
}

static const struct role roles[] = {
    {"witness", role_witness},
    {"commits", role_commits},
    {"calls_in_odd_state", role_calls_in_odd_state},
    {"takes_everything", role_takes_everything},
};
ROLES_MAIN(roles)
