/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects of many pages: long lists of frames, large pages, contiguous runs, what goes on in
 * pieces and can be interrupted between them, and what a scattered quota cannot give.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1,4 accel=icount
 */
#define PROGRAM "test_memory_large"
#include "child.h"

#define PLACE WEFT_FREE_BASE
#define BLOCK_BYTES (MEMORY_BLOCK * WEFT_PAGE_SIZE)
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)
#define PAGES_MAX (512 * 512)

/* What was given back before comes back in pieces: waits for it. */
static uint64_t create(uint64_t pages)
{
    uint64_t deadline = weft_deadline(20000000), memory = 0;
    status_t status = weft_memory_create(pages, &memory);
    while (status == STATUS_NO_MEMORY && weft_cycles() < deadline) {
        weft_sleep_for(500);
        status = weft_memory_create(pages, &memory);
    }
    EXPECT_STATUS(STATUS_OK, status);
    return memory;
}

static volatile uint64_t *word_at(uint64_t address)
{
    return (volatile uint64_t *)address;
}

/* Every page of a mapping is zero; writes its number into each. */
static void number_pages(uint64_t address, uint64_t pages)
{
    uint64_t dirty = 0;
    for (uint64_t page = 0; page < pages; page++) {
        dirty += *word_at(address + page * WEFT_PAGE_SIZE + 8) != 0;
        dirty += *word_at(address + (page + 1) * WEFT_PAGE_SIZE - 8) != 0;
        *word_at(address + page * WEFT_PAGE_SIZE + 8) = page + 1;
    }
    EXPECT_EQUAL(0, dirty);
}

/* The same memory, from its page `first` on, is seen at another place. */
static void check_pages(uint64_t address, uint64_t first, uint64_t pages)
{
    uint64_t wrong = 0;
    for (uint64_t page = 0; page < pages; page++) {
        wrong += *word_at(address + page * WEFT_PAGE_SIZE + 8) != first + page + 1;
    }
    EXPECT_EQUAL(0, wrong);
}

/* Maps a whole object aligned and another part of it out of line with blocks, and compares. */
static void use_object(uint64_t kind, uint64_t pages)
{
    uint64_t memory = create(kind | pages);
    uint64_t other = PLACE + 32 * BLOCK_BYTES + WEFT_PAGE_SIZE;
    uint64_t word = 99;
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, pages, READ_WRITE));
    number_pages(PLACE, pages);
    EXPECT_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, other, 3, pages - 3, RIGHT_READ));
    check_pages(other, 3, pages - 3);
    EXPECT_STATUS(STATUS_OK,
                  weft_memory_write(memory, (pages - 1) * WEFT_PAGE_SIZE, (uint64_t)&word, 8));
    EXPECT_EQUAL(99, *word_at(PLACE + (pages - 1) * WEFT_PAGE_SIZE));
    /* The kernel finds what it reads for a caller in whatever page it lies. */
    EXPECT_STATUS(STATUS_OK, weft_memory_write(memory, 0, PLACE + (pages - 1) * WEFT_PAGE_SIZE, 8));
    EXPECT_EQUAL(99, *word_at(PLACE));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, pages));
    check_pages(other, 3, pages - 3);
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, other, pages - 3));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(an_object_may_have_many_pages, "more than a page of frames, at any place")
{
    use_object(0, 3000);
    use_object(0, 513);
}

TEST(an_object_may_have_large_pages, "blocks, seen whole and in part")
{
    use_object(MEMORY_LARGE, 4 * MEMORY_BLOCK);
    use_object(MEMORY_LARGE, 4 * MEMORY_BLOCK); /* from memory that was used */
}

TEST(an_object_may_be_contiguous, "small, of some blocks, and of what is no multiple of a block")
{
    use_object(MEMORY_CONTIGUOUS, 5);
    use_object(MEMORY_CONTIGUOUS, MEMORY_BLOCK);
    use_object(MEMORY_CONTIGUOUS, 3 * MEMORY_BLOCK + 7);
    use_object(MEMORY_CONTIGUOUS | MEMORY_LARGE, 2 * MEMORY_BLOCK);
}

TEST(sizes_and_kinds_are_checked, "no pages, too many, half a block, a kind that does not exist")
{
    uint64_t memory;
    static const uint64_t wrong[] = {
        MEMORY_LARGE,      MEMORY_LARGE | 1, MEMORY_LARGE | (MEMORY_BLOCK + 1),
        MEMORY_CONTIGUOUS, PAGES_MAX + 1,    MEMORY_CONTIGUOUS << 1 | 1,
        1ull << 63 | 1,
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (!EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create(wrong[i], &memory))) {
            ktap_note("case %u", i);
        }
    }
    EXPECT_STATUS(STATUS_NO_MEMORY, weft_memory_create(PAGES_MAX, &memory));
    EXPECT_STATUS(STATUS_NO_MEMORY, weft_memory_create(MEMORY_LARGE | PAGES_MAX, &memory));
    EXPECT_STATUS(STATUS_NO_MEMORY, weft_memory_create(MEMORY_CONTIGUOUS | PAGES_MAX, &memory));
}

/* ---- what page tables cost -------------------------------------------------------------------- */

#define BLOCKS 4
#define PLACES 30 /* this often by single pages takes more page tables than a child has */

/* Maps the shared object again and again, `shift` bytes out of line. Status: how many places it got to,
 * plus 100 where the last one did not go as it should. */
static int role_maps_often(uint64_t shift)
{
    uint64_t memory = weft_capability("memory");
    int place;
    for (place = 0; place < PLACES; place++) {
        uint64_t address = PLACE + (uint64_t)place * (BLOCKS + 1) * BLOCK_BYTES + shift;
        status_t status =
            weft_memory_map(HANDLE_SELF, memory, address, 0, BLOCKS * MEMORY_BLOCK, RIGHT_READ);
        if (status == STATUS_NO_MEMORY) { /* nothing is left of it */
            return weft_memory_unmap(HANDLE_SELF, address, BLOCKS * MEMORY_BLOCK) ==
                           STATUS_BAD_ARGUMENT
                       ? place
                       : place + 100;
        }
        if (status != STATUS_OK || *word_at(address + BLOCKS * BLOCK_BYTES - 8) != 5) {
            return place + 100;
        }
    }
    return place;
}

TEST(large_pages_need_no_tables,
     "what is aligned is mapped in large pages, what is not is paid for")
{
    uint64_t memory = create(MEMORY_LARGE | BLOCKS * MEMORY_BLOCK);
    uint64_t five = 5;
    struct weft_grant grants[] = {{"memory", memory, RIGHT_READ, 0}};
    EXPECT_STATUS(STATUS_OK,
                  weft_memory_write(memory, BLOCKS * BLOCK_BYTES - 8, (uint64_t)&five, 8));
    struct weft_end end = child_run("maps_often", other_cpu(), 0, grants, 1);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(PLACES, end.status);
    end = child_run("maps_often", other_cpu(), WEFT_PAGE_SIZE, grants, 1);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT(end.status >= 5 && end.status < PLACES);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- quota ----------------------------------------------------------------------------------- */

#define TAKE_MAX 110

/* Fills the quota with objects of eight pages, gives every second one back: half of the memory is free,
 * and no block. */
static int role_scatters(uint64_t value)
{
    uint64_t handles[TAKE_MAX], memory;
    unsigned count = 0;
    (void)value;
    if (weft_memory_create(MEMORY_LARGE | MEMORY_BLOCK, &memory) != STATUS_OK ||
        weft_cap_delete(memory) != STATUS_OK) {
        return 1;
    }
    weft_sleep_for(5000);
    while (count < TAKE_MAX && weft_memory_create(8, &handles[count]) == STATUS_OK) {
        count++;
    }
    if (count == TAKE_MAX) {
        return 2;
    }
    for (unsigned i = 0; i < count; i += 2) {
        (void)weft_cap_delete(handles[i]);
    }
    weft_sleep_for(5000);
    if (weft_memory_create(MEMORY_BLOCK / 2, &memory) == STATUS_OK && count < 70) {
        return 3;
    }
    if (weft_memory_create(MEMORY_LARGE | MEMORY_BLOCK, &memory) != STATUS_NO_MEMORY ||
        weft_memory_create(MEMORY_CONTIGUOUS | MEMORY_BLOCK, &memory) != STATUS_NO_MEMORY) {
        return 4;
    }
    return 0;
}

TEST(a_scattered_quota_has_no_blocks,
     "free pages are not a large page: no_memory, and nothing worse")
{
    struct child child;
    struct child_options options = {.pages = 800};
    REQUIRE(child_start_with(&child, "scatters", 0, NULL, 0, &options));
    struct weft_end end = child_wait(&child);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(&child);
}

#define OBJECT_PAGES 9000

TEST(all_comes_back,
     "large objects of every kind, made and given back until memory would be used up")
{
    static const uint64_t kinds[] = {0, MEMORY_LARGE, MEMORY_CONTIGUOUS};
    for (unsigned round = 0; round < 12; round++) {
        uint64_t pages = kinds[round % 3] == MEMORY_LARGE ? 16 * MEMORY_BLOCK : OBJECT_PAGES;
        uint64_t memory = create(kinds[round % 3] | pages);
        REQUIRE_STATUS(STATUS_OK, weft_cap_delete(memory));
    }
}

/* ---- between two pieces ----------------------------------------------------------------------- */

struct making {
    uint64_t memory;
    uint64_t pages;
    status_t status;
};

static void make_mapping(void *argument)
{
    struct making *making = argument;
    making->status =
        weft_memory_map(HANDLE_SELF, making->memory, PLACE, 0, making->pages, RIGHT_READ);
}

TEST(a_mapping_ends_while_it_is_made,
     "unmapping finds a mapping that is under way: the maker hears of it")
{
    struct making making = {.memory = create(6000), .pages = 6000};
    unsigned cancelled = 0;
    for (unsigned i = 0; i < 20 || (cancelled == 0 && i < 2000); i++) {
        struct weft_group group;
        status_t status;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "maker", other_cpu(),
                                                    WEFT_PRIORITY_DEFAULT, make_mapping, &making));
        while ((status = weft_memory_unmap(HANDLE_SELF, PLACE, making.pages)) != STATUS_OK) {
            REQUIRE(status == STATUS_BAD_ARGUMENT);
            (void)weft_yield();
            weft_pause();
        }
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT(making.status == STATUS_OK || making.status == STATUS_CANCELLED);
        cancelled += making.status == STATUS_CANCELLED;
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_unmap(HANDLE_SELF, PLACE, making.pages));
    }
    EXPECT(cancelled > 0);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(making.memory));
}

/* Dies in the middle of something long. */
static int role_works_long(uint64_t value)
{
    uint64_t memory;
    if (weft_memory_create(2500 + value, &memory) != STATUS_OK) {
        return 1;
    }
    for (;;) {
        if (weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 2500, RIGHT_READ) != STATUS_OK ||
            weft_memory_unmap(HANDLE_SELF, PLACE, 2500) != STATUS_OK) {
            return 2;
        }
    }
}

TEST(the_killed_leave_nothing, "killed while making, mapping or unmapping: the memory comes back")
{
    for (unsigned i = 0; i < 30; i++) {
        struct child child;
        struct child_options options = {.value = i, .pages = 3000};
        REQUIRE(child_start_with(&child, "works_long", i % cpu_count(), NULL, 0, &options));
        weft_sleep_for(100 + 150 * i);
        child_kill(&child);
    }
}

static const struct role roles[] = {
    {"maps_often", role_maps_often},
    {"scatters", role_scatters},
    {"works_long", role_works_long},
};
ROLES_MAIN(roles)
