/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables that the IOMMU walks (VT-d, sections 3.4, 3.7 and 9), in memory that init keeps: they are in force
 * whether or not this process lives.
 *
 * Theory of operation
 *
 * 1. The way of an access: the root table has an entry per bus, which points to a table of contexts with an entry
 *    per function, which points to three levels of page tables. What is not present on this way is refused.
 * 2. A function with memory has a *domain*: a top and a middle table, and a bottom table for each window, all in
 *    places of their own. So nothing is allocated, and a domain's number says where its tables lie.
 * 3. Order. An entry is one store of eight bytes. What it points to is complete before it is stored, and nothing
 *    is used again before the IOMMU has forgotten the entry that pointed there (unit_forget). A context takes two
 *    stores; the one that makes it count is the last.
 * 4. Any instance may die between two stores. What is said to it is said again to the next (weft/iommu.h), and
 *    each request ends in the same tables however much of it was done before. `owners` is written before the
 *    context and cleared after it, so a context never lacks its domain.
 */
#include "iommu.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define ENTRIES 512u
#define PRESENT 1ull
#define READ_AND_WRITE 3ull
#define HUSHED 2ull /* of a context: its faults are not recorded, also where it is not present */
#define THREE_LEVELS 1ull
#define DOMAIN_SHIFT 8u

struct context {
    uint64_t low, high;
};

struct page {
    uint64_t entries[ENTRIES];
};

struct domain {
    struct page top, middle, bottom[WEFT_IOMMU_WINDOWS];
};

struct tables {
    union {
        struct {
            uint32_t owners[DOMAINS_MAX]; /* function + 1; 0: nobody's */
            uint32_t buses[BUSES_MAX];    /* bus + 1, whose contexts are there; 0: nobody's */
        };
        struct page page;
    };
    struct page root;
    struct {
        struct context of[ENTRIES / 2];
    } contexts[BUSES_MAX];
    struct domain domains[DOMAINS_MAX];
};
#define PAGES (sizeof(struct tables) / WEFT_PAGE_SIZE)

static struct tables *tables;
static uint64_t physical[PAGES]; /* addresses of their pages */

uint64_t tables_bytes(void)
{
    return sizeof(struct tables);
}

static uint64_t address_of(const void *place)
{
    return physical[((uint64_t)place - (uint64_t)tables) / WEFT_PAGE_SIZE];
}

/* The store that counts. */
static void set(uint64_t *entry, uint64_t value)
{
    /* [iommu.entry] release: what the entry points to is complete. Pairs with the IOMMU's walk. */
    weft_store64_release(entry, value);
    if (!unit_is_coherent()) {
        weft_cache_clean(entry, sizeof(*entry));
    }
}

static void clear(struct page *page)
{
    memset(page, 0, sizeof(*page));
    if (!unit_is_coherent()) {
        weft_cache_clean(page, sizeof(*page));
    }
}

uint64_t tables_open(uint64_t memory, uint64_t first_page, void *here, uint64_t right)
{
    tables = here;
    for (uint64_t page = 0; page < PAGES; page++) {
        if (weft_memory_physical(memory, first_page + page, right, &physical[page]) != STATUS_OK) {
            weft_fail("the address of its tables cannot be had: it must hold physical pages");
        }
    }
    return address_of(&tables->root);
}

void tables_clear(void)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        clear((struct page *)tables + page);
    }
}

/* ---- contexts and domains ------------------------------------------------------------------------- */

/* The context of a function; NULL: too many buses. */
static struct context *context_of(uint16_t function)
{
    uint32_t bus = function >> 8, place = 0;

    while (place < BUSES_MAX && tables->buses[place] != 0 && tables->buses[place] != bus + 1) {
        place++; /* they are taken in order and never given back */
    }
    if (place == BUSES_MAX) {
        return NULL;
    }
    tables->buses[place] = bus + 1;
    set(&tables->root.entries[2 * bus], address_of(&tables->contexts[place]) | PRESENT);
    return &tables->contexts[place].of[function & 0xff];
}

/* The number of a function's domain; DOMAINS_MAX: it has none. */
static uint32_t domain_of(uint16_t function)
{
    for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
        if (tables->owners[i] == function + 1u) {
            return i;
        }
    }
    return DOMAINS_MAX;
}

/* Gives a function a domain that is empty. */
static uint32_t domain_make(uint16_t function)
{
    uint32_t number = 0;

    while (number < DOMAINS_MAX && tables->owners[number] != 0) {
        number++;
    }
    if (number < DOMAINS_MAX) {
        struct domain *domain = &tables->domains[number];
        clear(&domain->top);
        clear(&domain->middle);
        set(&domain->top.entries[0], address_of(&domain->middle) | READ_AND_WRITE);
        tables->owners[number] = function + 1u;
    }
    return number;
}

status_t tables_grant(uint16_t function, uint32_t window, const uint64_t *pages, uint32_t count)
{
    uint32_t number = domain_of(function);
    struct context *context = context_of(function);

    number = number < DOMAINS_MAX ? number : domain_make(function);
    if (number == DOMAINS_MAX || context == NULL) {
        return STATUS_NO_SLOT;
    }
    struct domain *domain = &tables->domains[number];
    struct page *bottom = &domain->bottom[window];
    tables_take(function, window);
    clear(bottom);
    for (uint32_t page = 0; page < count; page++) {
        set(&bottom->entries[page], pages[page] | READ_AND_WRITE);
    }
    set(&domain->middle.entries[window], address_of(bottom) | READ_AND_WRITE);
    if ((context->low & PRESENT) == 0) {
        set(&context->high, (uint64_t)(number + 1) << DOMAIN_SHIFT | THREE_LEVELS);
        set(&context->low, address_of(&domain->top) | PRESENT);
    }
    unit_forget(number + 1);
    return STATUS_OK;
}

void tables_take(uint16_t function, uint32_t window)
{
    uint32_t number = domain_of(function);

    if (number < DOMAINS_MAX && tables->domains[number].middle.entries[window] != 0) {
        set(&tables->domains[number].middle.entries[window], 0);
        unit_forget(number + 1);
    }
}

void tables_block(uint16_t function)
{
    uint32_t number = domain_of(function);
    struct context *context = context_of(function);

    if (context != NULL) {
        set(&context->low, 0);
        unit_forget(0);
    }
    if (number < DOMAINS_MAX) {
        tables->owners[number] = 0;
    }
}

void tables_block_all(void)
{
    for (uint32_t i = 0; i < BUSES_MAX; i++) {
        for (uint32_t function = 0; function < ENTRIES / 2; function++) {
            set(&tables->contexts[i].of[function].low, 0);
        }
    }
    unit_forget(0);
    memset(tables->owners, 0, sizeof(tables->owners));
}

_Bool tables_hush(uint16_t function)
{
    struct context *context = context_of(function);

    if (context == NULL) {
        return 0;
    }
    set(&context->low, context->low | HUSHED);
    unit_forget(0);
    return 1;
}

_Bool tables_is_hushed(uint16_t function)
{
    const struct context *context = context_of(function);
    return context != NULL && (context->low & HUSHED) != 0;
}

int32_t tables_hushed(uint32_t nth)
{
    for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
        uint16_t function = (uint16_t)(tables->owners[i] - 1);
        if (tables->owners[i] != 0 && tables_is_hushed(function) && nth-- == 0) {
            return function;
        }
    }
    return -1;
}
