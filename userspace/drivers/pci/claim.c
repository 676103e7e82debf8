/* SPDX-License-Identifier: Apache-2.0
 *
 * What a driver gets of its function: registers, interrupts, addresses; and how it all is taken back. What is
 * handed out is a copy of a capability that stays here, so that revoking it ends every copy, wherever the
 * driver may have given it.
 */
#include "bus.h"

#include "weft/startup.h"
#include "weft/syscalls.h"

#define ENTRY_WORDS 4 /* of the table of messages: address, its upper half, data, control */
#define ENTRY_MASKED 1u
#define MESSAGES_CONTROL 2u
#define MESSAGES_ENABLE 0x8000u
#define MESSAGES_MASKED 0x4000u
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)

static uint64_t interrupts, physical;
static uint64_t addresses[WEFT_PCI_SHARE_PAGES]; /* of the answer that is being made */

void claim_open(uint64_t the_interrupts, uint64_t the_physical)
{
    interrupts = the_interrupts;
    physical = the_physical;
}

struct function *claim_find(uint64_t badge)
{
    uint64_t nth = badge >> 32 & 0xff;
    _Bool by_class = (badge & WEFT_PCI_BY_CLASS_FLAG) != 0;

    for (uint32_t i = 0; i < function_count; i++) {
        uint32_t name = by_class ? functions[i].class : functions[i].id;
        if (name == (uint32_t)badge && nth-- == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

/* A free place of a list of handles; NULL: it is full. */
static uint64_t *place_in(uint64_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* ---- registers ------------------------------------------------------------------------------------ */

/* Does a region of any other function, or another of this one, lie in the same pages? */
static _Bool shares_pages(const struct region *region)
{
    uint64_t first = weft_page_down(region->base);
    uint64_t end = weft_page_up(region->base + region->bytes);

    for (uint32_t i = 0; i < function_count; i++) {
        for (uint32_t number = 0; number < WEFT_PCI_REGIONS; number++) {
            const struct region *other = &functions[i].regions[number];
            if (other != region && other->bytes != 0 && other->base < end &&
                other->base + other->bytes > first) {
                return 1;
            }
        }
    }
    return 0;
}

status_t claim_region(struct function *function, struct weft_message *message, struct weft_ipc *ipc)
{
    uint64_t number = message->words[1];

    if (number >= WEFT_PCI_REGIONS) {
        return STATUS_BAD_ARGUMENT;
    }
    struct region *region = &function->regions[number];
    if (region->bytes == 0) {
        return region->ports ? STATUS_WRONG_TYPE : STATUS_BAD_ARGUMENT;
    }
    if ((function->messages != 0 && number == function->table_region) || shares_pages(region)) {
        return STATUS_NO_RIGHT;
    }
    if (region->memory == 0) {
        status_t status = weft_memory_create_physical(physical, region->base / WEFT_PAGE_SIZE,
                                                      weft_page_up(region->bytes) / WEFT_PAGE_SIZE,
                                                      MEMORY_UNCACHED, &region->memory);
        if (status != STATUS_OK) {
            region->memory = 0;
            return status;
        }
    }
    message->words[1] = region->bytes;
    ipc->send_count = 1;
    ipc->send_handles[0] = (uint32_t)region->memory;
    ipc->send_rights[0] = READ_WRITE;
    return STATUS_OK;
}

/* ---- interrupts ----------------------------------------------------------------------------------- */

static void become_master(const struct function *function)
{
    config_write(function->address, CONFIG_COMMAND, 2,
                 config_read(function->address, CONFIG_COMMAND, 2) | COMMAND_MASTER);
}

/* Tells the device what to write where. It is told nothing while the whole table is masked. */
static void set_entry(struct function *function, uint64_t entry, uint64_t interrupt_message)
{
    volatile uint32_t *words = function->table + entry * ENTRY_WORDS;
    uint32_t control = function->messages + MESSAGES_CONTROL;

    words[0] = (uint32_t)interrupt_message;
    words[1] = 0;
    words[2] = (uint32_t)(interrupt_message >> 32);
    words[3] &= ~ENTRY_MASKED;
    config_write(function->address, control, 2,
                 (config_read(function->address, control, 2) & ~MESSAGES_MASKED) | MESSAGES_ENABLE);
    become_master(function); /* a message is a write to memory */
}

/* A reset may leave the table as it is, so the next driver begins with all entries masked. */
static void mask_entries(struct function *function)
{
    for (uint32_t entry = 0; function->table != NULL && entry < function->entries; entry++) {
        function->table[entry * ENTRY_WORDS + 3] |= ENTRY_MASKED;
    }
}

status_t claim_interrupt(struct function *function, struct weft_message *message,
                         struct weft_ipc *ipc)
{
    uint64_t entry = message->words[1], told;
    uint64_t *place = place_in(function->interrupts, INTERRUPTS_MAX);

    if (ipc->receive_handles[0] == 0 || entry >= function->entries) {
        return STATUS_BAD_ARGUMENT;
    }
    if (function->reset == RESET_UNKNOWN || function->table == NULL) {
        return STATUS_NO_RIGHT;
    }
    if (place == NULL) {
        return STATUS_NO_SLOT;
    }
    status_t status =
        weft_interrupt_create(interrupts, INTERRUPT_MESSAGE, (uint32_t)message->words[2],
                              ipc->receive_handles[0], message->words[3], place);
    if (status != STATUS_OK) {
        *place = 0;
        return status;
    }
    status = weft_interrupt_message(*place, &told);
    if (status != STATUS_OK) {
        return status;
    }
    set_entry(function, entry, told);
    ipc->send_count = 1;
    ipc->send_handles[0] = (uint32_t)*place;
    ipc->send_rights[0] = RIGHT_WRITE;
    return STATUS_OK;
}

/* ---- memory that the device reaches ----------------------------------------------------------------- */

/* Is it memory that its giver may read and write? A device without an IOMMU does both. */
static _Bool may_share(uint64_t handle)
{
    uint64_t kind;
    return weft_cap_inspect(handle, 0, &kind) == STATUS_OK && (kind & 0xff) == OBJECT_MEMORY &&
           ((kind >> 8) & READ_WRITE) == READ_WRITE;
}

status_t claim_share(struct function *function, struct weft_message *message, struct weft_ipc *ipc)
{
    uint64_t first = message->words[1], pages = message->words[2];
    uint64_t *place = place_in(function->shares, SHARES_MAX);
    uint64_t memory = ipc->receive_handles[0];

    if (memory == 0 || pages == 0 || pages > WEFT_PCI_SHARE_PAGES || !may_share(memory)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (guard_translates() ? function->bypasses : function->reset == RESET_UNKNOWN) {
        return STATUS_NO_RIGHT;
    }
    if (place == NULL) {
        return STATUS_NO_SLOT;
    }
    uint32_t share = (uint32_t)(place - function->shares);
    status_t status = guard_grant(function, share, memory, first, pages, addresses);
    if (status != STATUS_OK) {
        guard_take(function, share);
        return status;
    }
    *place = memory;
    ipc->receive_handles[0] = 0; /* it stays */
    become_master(function);
    message->words[1] = share + 1;
    ipc->send_address = (uint64_t)addresses;
    ipc->send_bytes = (uint32_t)(pages * sizeof(addresses[0]));
    return STATUS_OK;
}

status_t claim_unshare(struct function *function, struct weft_message *message)
{
    uint64_t share = message->words[1];

    if (share == 0 || share > SHARES_MAX || function->shares[share - 1] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    guard_take(function, (uint32_t)share - 1);
    (void)weft_cap_delete(function->shares[share - 1]);
    function->shares[share - 1] = 0;
    return STATUS_OK;
}

/* ---- the end -------------------------------------------------------------------------------------- */

static void take_back(uint64_t *handle)
{
    if (*handle != 0) {
        (void)weft_cap_revoke(*handle);
        (void)weft_cap_delete(*handle);
        *handle = 0;
    }
}

/* The order is the point. No new accesses; then nobody can tell the device anything any more; then the device
 * forgets what it was told, and an IOMMU where it may go; only then is the memory let go that it was told of. */
void claim_end(struct function *function)
{
    config_write(function->address, CONFIG_COMMAND, 2,
                 config_read(function->address, CONFIG_COMMAND, 2) & ~COMMAND_MASTER);
    for (uint32_t number = 0; number < WEFT_PCI_REGIONS; number++) {
        take_back(&function->regions[number].memory);
    }
    function->stuck = !reset_do(function);
    mask_entries(function);
    for (uint32_t i = 0; i < INTERRUPTS_MAX; i++) {
        take_back(&function->interrupts[i]);
    }
    _Bool harmless = !function->stuck || guard_translates();
    if (harmless) {
        guard_block(function);
    }
    for (uint32_t i = 0; i < SHARES_MAX && harmless; i++) {
        if (function->shares[i] != 0) {
            (void)weft_cap_delete(function->shares[i]);
            function->shares[i] = 0;
        }
    }
    function->badge = 0;
    function->watch = NOBODY;
}
