/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: objects begin as zeros, are shared where they are mapped, can be used exactly with the
 * access they are mapped with, are gone from all CPUs once unmapped, and are paid for.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1 memory=64M
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_memory"
#include "child.h"

#include "weft/atomic.h"

#define PLACE WEFT_FREE_BASE
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)
#define FAULT_PAGE 14

static uint64_t create(uint64_t pages)
{
    uint64_t memory = 0;
    EXPECT_STATUS(STATUS_OK, weft_memory_create(pages, &memory));
    return memory;
}

static volatile uint64_t *word_at(uint64_t address)
{
    return (volatile uint64_t *)address;
}

/* ---- content --------------------------------------------------------------------------------- */

TEST(memory_begins_as_zeros, "fresh memory holds nothing of what was there before")
{
    for (unsigned round = 0; round < 4; round++) { /* later rounds get frames that were written */
        uint64_t memory = create(16);
        REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 16, READ_WRITE));
        for (uint64_t offset = 0; offset < 16 * WEFT_PAGE_SIZE; offset += 8) {
            REQUIRE(*word_at(PLACE + offset) == 0);
            *word_at(PLACE + offset) = ~offset;
        }
        EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, 16));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    }
}

TEST(two_mappings_show_the_same, "an object mapped twice, and in part, is one memory")
{
    uint64_t memory = create(4);
    uint64_t second = PLACE + 0x100000;
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 4, READ_WRITE));
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, second, 1, 2, RIGHT_READ));
    *word_at(PLACE + WEFT_PAGE_SIZE) = 11;
    *word_at(PLACE + 2 * WEFT_PAGE_SIZE + 8) = 22;
    EXPECT_EQUAL(11, *word_at(second));
    EXPECT_EQUAL(22, *word_at(second + WEFT_PAGE_SIZE + 8));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory)); /* the mappings keep it */
    EXPECT_EQUAL(11, *word_at(second));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, 4));
    EXPECT_EQUAL(11, *word_at(second));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, second, 2));
}

TEST(memory_write_fills, "memory_write copies across pages, and refuses what is outside")
{
    static char pattern[MEMORY_COPY_MAX];
    uint64_t memory = create(3);
    for (unsigned i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (char)(i * 7 + 1);
    }
    uint64_t offset = WEFT_PAGE_SIZE - 100;
    EXPECT_STATUS(STATUS_OK, weft_memory_write(memory, offset, (uint64_t)pattern, sizeof(pattern)));
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 3, RIGHT_READ));
    EXPECT_EQUAL(0, memcmp((void *)(PLACE + offset), pattern, sizeof(pattern)));
    EXPECT_EQUAL(0, *(char *)(PLACE + offset - 1));
    EXPECT_EQUAL(0, *(char *)(PLACE + offset + sizeof(pattern)));
    uint64_t end = 3 * WEFT_PAGE_SIZE;
    uint64_t from = (uint64_t)pattern;
    EXPECT_STATUS(STATUS_OK, weft_memory_write(memory, end, from, 0));
    EXPECT_STATUS(STATUS_OK, weft_memory_write(memory, end - 1, from, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_write(memory, end - 1, from, 2));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_write(memory, end, from, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_write(memory, ~0ull, from, 2));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_write(memory, 0, from, MEMORY_COPY_MAX + 1));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_memory_write(memory, 0, WEFT_FREE_TOP, 8));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_memory_write(memory, 0, 0xffffffff80000000, 8));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_memory_write(memory, 0, ~0ull - 3, 8));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_memory_write(memory, 0, USER_TOP - 4, 8));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, 3));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- mapping --------------------------------------------------------------------------------- */

TEST(wrong_mappings_are_refused,
     "misaligned, outside, taken, writable and executable, without right")
{
    uint64_t memory = create(4), reader;
    uint64_t self = HANDLE_SELF;
    static const struct {
        status_t wanted;
        uint64_t address, first, pages, access;
    } cases[] = {
        {STATUS_BAD_ARGUMENT, PLACE + 1, 0, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 0, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 5, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 4, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, ~0ull, 2, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 1, ~0ull, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 1ull << 52, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 1, 0},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 1, READ_WRITE | RIGHT_EXECUTE},
        {STATUS_BAD_ARGUMENT, PLACE, 0, 1, RIGHT_READ | RIGHT_MANAGE},
        {STATUS_BAD_ARGUMENT, 0, 0, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, USER_BASE - WEFT_PAGE_SIZE, 0, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, USER_TOP, 0, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, USER_TOP - WEFT_PAGE_SIZE, 0, 2, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, 0xffffffff80200000, 0, 1, RIGHT_READ},
        {STATUS_BAD_ARGUMENT, 0xffff800000000000, 0, 1, RIGHT_READ},
        {STATUS_EXISTS, STARTUP_ADDRESS, 0, 1, RIGHT_READ},
        {STATUS_EXISTS, WEFT_PROGRAM_BASE - WEFT_PAGE_SIZE, 0, 2, RIGHT_READ},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!EXPECT_STATUS(cases[i].wanted,
                           weft_memory_map(self, memory, cases[i].address, cases[i].first,
                                           cases[i].pages, cases[i].access))) {
            ktap_note("case %u", i);
        }
    }
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(self, memory, RIGHT_READ, 0, &reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_map(self, reader, PLACE, 0, 1, READ_WRITE));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_write(reader, 0, (uint64_t)&memory, 8));
    EXPECT_STATUS(STATUS_OK, weft_memory_map(self, reader, PLACE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_EXISTS, weft_memory_map(self, memory, PLACE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(self, PLACE, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_unmap(self, PLACE, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_unmap(self, PLACE + 1, 1));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_memory_map(self, 0, PLACE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_memory_map(self, self, PLACE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_memory_map(memory, memory, PLACE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(the_edges_of_user_space_can_be_used, "the first and the last page that programs may have")
{
    uint64_t memory = create(2);
    static const uint64_t places[] = {USER_BASE + WEFT_PAGE_SIZE, USER_TOP - WEFT_PAGE_SIZE};
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_memory_map(HANDLE_SELF, memory, places[i], 1, 1, READ_WRITE));
        *word_at(places[i]) = i + 1;
        EXPECT_EQUAL(i + 1, *word_at(places[i]));
        EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, places[i], 1));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- access: the child does what its mapping does not allow ---------------------------------- */

enum access_deed { DEED_NONE, DEED_READ, DEED_WRITE, DEED_EXECUTE };

/* Maps the shared memory with the access in `value`'s low bits and does the deed above them. */
static int role_accesses(uint64_t value)
{
    uint64_t memory = weft_capability("memory");
    if (weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 1, value & 7) != STATUS_OK) {
        return 1;
    }
    switch ((enum access_deed)(value >> 3)) {
    case DEED_READ:
        return *word_at(PLACE) == 0xc3 ? 0 : 2;
    case DEED_WRITE:
        *word_at(PLACE + 8) = value;
        return 0;
    case DEED_EXECUTE:
        ((void (*)(void))PLACE)(); /* a return instruction */
        return 0;
    default:
        return 0;
    }
}

TEST(access_is_what_was_mapped, "reading, writing and executing work where mapped so, else fault")
{
    static const struct {
        unsigned access;
        enum access_deed deed;
        enum weft_cause wanted;
    } cases[] = {
        {RIGHT_READ, DEED_READ, WEFT_EXITED},
        {RIGHT_READ, DEED_WRITE, WEFT_FAULT},
        {RIGHT_READ, DEED_EXECUTE, WEFT_FAULT},
        {READ_WRITE, DEED_READ, WEFT_EXITED},
        {READ_WRITE, DEED_WRITE, WEFT_EXITED},
        {READ_WRITE, DEED_EXECUTE, WEFT_FAULT},
        {RIGHT_READ | RIGHT_EXECUTE, DEED_EXECUTE, WEFT_EXITED},
        {RIGHT_READ | RIGHT_EXECUTE, DEED_WRITE, WEFT_FAULT},
    };
    uint64_t code = 0xc3; /* ret */
    uint64_t memory = create(1);
    EXPECT_STATUS(STATUS_OK, weft_memory_write(memory, 0, (uint64_t)&code, 8));
    struct weft_grant grants[] = {{"memory", memory, RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE, 0}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weft_end end = child_run("accesses", i % cpu_count(),
                                        cases[i].access | (uint64_t)cases[i].deed << 3, grants, 1);
        if (!EXPECT_EQUAL(cases[i].wanted, end.cause) ||
            !EXPECT_EQUAL(cases[i].wanted == WEFT_FAULT ? FAULT_PAGE : 0, end.status)) {
            ktap_note("access %u, deed %u", cases[i].access, cases[i].deed);
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- unmapping reaches all CPUs -------------------------------------------------------------- */

static uint32_t reader_is_reading; /* atomic */

static void read_forever(void *argument)
{
    (void)argument;
    for (;;) {
        (void)*word_at(PLACE);
        weft_store_release(&reader_is_reading, 1);
        weft_pause();
    }
}

/* One thread reads a page all the time, another unmaps it: the reader must fault. */
static int role_unmaps_under_a_reader(uint64_t reader_cpu)
{
    uint64_t memory;
    if (weft_memory_create(1, &memory) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 1, READ_WRITE) != STATUS_OK ||
        weft_thread_start(NULL, "reader", (uint32_t)reader_cpu, WEFT_PRIORITY_DEFAULT, read_forever,
                          NULL) != STATUS_OK) {
        return 1;
    }
    while (!weft_load_acquire(&reader_is_reading)) {
        (void)weft_yield();
        weft_pause();
    }
    if (weft_memory_unmap(HANDLE_SELF, PLACE, 1) != STATUS_OK) {
        return 2;
    }
    weft_sleep_for(1000000); /* the reader's fault ends the process long before */
    return 3;
}

TEST(unmapping_reaches_all_cpus, "a thread that reads on any CPU faults after the page is unmapped")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_end end = child_run("unmaps_under_a_reader", 0, cpu, NULL, 0);
        EXPECT_EQUAL(WEFT_FAULT, end.cause);
        EXPECT_EQUAL(FAULT_PAGE, end.status);
    }
}

/* ---- sharing --------------------------------------------------------------------------------- */

#define EXCHANGES 200

static int role_echoes(uint64_t value)
{
    (void)value;
    uint64_t memory = weft_capability("memory");
    if (weft_memory_map(HANDLE_SELF, memory, PLACE + 0x5000, 0, 1, READ_WRITE) != STATUS_OK) {
        return 1;
    }
    uint32_t *turn = (uint32_t *)(PLACE + 0x5000);
    for (uint32_t i = 0; i < EXCHANGES; i++) {
        while (weft_load_acquire(turn) != 2 * i + 1) {
            (void)weft_yield();
            weft_pause();
        }
        turn[1] = turn[1] * 3 + 1;
        weft_store_release(turn, 2 * i + 2);
    }
    return 0;
}

TEST(processes_share_memory, "two processes exchange values through an object mapped in both")
{
    struct child child;
    uint64_t memory = create(1);
    struct weft_grant grants[] = {{"memory", memory, READ_WRITE, 0}};
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 1, READ_WRITE));
    REQUIRE(child_start(&child, "echoes", other_cpu(), grants, 1));
    uint32_t *turn = (uint32_t *)PLACE;
    for (uint32_t i = 0; i < EXCHANGES; i++) {
        turn[1] = i;
        weft_store_release(turn, 2 * i + 1);
        while (weft_load_acquire(turn) != 2 * i + 2) {
            (void)weft_yield();
            weft_pause();
        }
        EXPECT_EQUAL(3 * i + 1, turn[1]);
    }
    struct weft_end end = child_wait(&child);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(&child);
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- quota ----------------------------------------------------------------------------------- */

#define TAKE_MAX 100

/* Takes objects of four pages until there is no memory, and gives them back; how many they were. */
static unsigned take_all(status_t *last)
{
    uint64_t handles[TAKE_MAX];
    unsigned count = 0;
    *last = STATUS_OK;
    while (count < TAKE_MAX && (*last = weft_memory_create(4, &handles[count])) == STATUS_OK) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        if (weft_cap_delete(handles[i]) != STATUS_OK) {
            return 0;
        }
    }
    return count;
}

/* Memory comes back some time after the handle is gone: when every CPU has been quiescent. */
static int role_exhausts(uint64_t value)
{
    (void)value;
    status_t last;
    unsigned most = take_all(&last);
    if (most < 2 || last != STATUS_NO_MEMORY) {
        return 1;
    }
    for (unsigned round = 0; round < 5; round++) {
        uint64_t deadline = weft_deadline(5000000);
        while (take_all(&last) < most - 1) { /* one may be lost to bookkeeping of the first round */
            if (weft_cycles() > deadline) {
                return 2;
            }
            weft_sleep_for(500);
        }
    }
    return 0;
}

TEST(quota_ends_and_comes_back,
     "a process gets `no_memory` at its quota's end, and all of it again")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_end end = child_run("exhausts", cpu, 0, NULL, 0);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
    }
}

TEST(sizes_of_objects_are_checked, "no pages, or more than can be, is an error of the caller")
{
    uint64_t memory;
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create(0, &memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create(~0ull, &memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create(1ull << 32, &memory));
}

static const struct role roles[] = {
    {"accesses", role_accesses},
    {"unmaps_under_a_reader", role_unmaps_under_a_reader},
    {"echoes", role_echoes},
    {"exhausts", role_exhausts},
};
ROLES_MAIN(roles)
