/* SPDX-License-Identifier: Apache-2.0
 *
 * The server of the PCI bus: finds the functions, and hands each to the driver that may have it. The protocol
 * stands in weft/pci.h, what it protects from what in docs/drivers.md.
 *
 * It is given
 *
 *     pci           its endpoint, right read, on the CPU where it runs
 *     ports         range 0xcf8-0xcff
 *     interrupts    range 256: messages
 *     physical      the pages where devices lie; read lets it tell drivers addresses of memory
 *     iommu         optional: who has the machine's IOMMU (weft/iommu.h). Then the right write on `physical` is enough
 *     vault         optional: an empty process that outlives it, where it keeps what devices reach
 *     state         optional: 2048 bytes, for what it finds out by taking registers out of the memory map
 *
 * and holds what no driver may hold: the configuration (which could move a device over another one's
 * registers), the tables of messages (which could interrupt any CPU with anything), bus mastering, and the
 * addresses of RAM. A driver gets the rest of its one function.
 *
 * Invariants: a function has one claim at a time; what a claim handed out is revoked and the device reset
 * before the next one begins; no memory is let go that a device might still reach (claim_end).
 */
#include "bus.h"

#include "weft/print.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

static status_t list(struct weft_message *message)
{
    uint64_t index = message->words[1];

    if (index >= function_count) {
        return STATUS_BAD_ARGUMENT;
    }
    const struct function *function = &functions[index];
    message->words[1] = function->id;
    message->words[2] = (uint32_t)function->class << 16 | function->address;
    message->words[3] = function->badge;
    return STATUS_OK;
}

/* Claims for who calls with this badge, after whoever had the function before. */
static status_t claim(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    struct function *function = claim_find(badge);

    if (function == NULL || ipc->receive_handles[0] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    if (function->badge != 0 && function->badge != badge) {
        return STATUS_BUSY; /* by class and by id: two drivers for one device */
    }
    if (function->badge != 0) {
        claim_end(function);
    }
    if (function->stuck) {
        return STATUS_BUSY;
    }
    function->watch = watch_start(ipc->receive_handles[0]);
    if (function->watch == NOBODY) {
        return STATUS_NO_MEMORY;
    }
    ipc->receive_handles[0] = 0; /* it stays */
    function->badge = badge;
    config_write(function->address, CONFIG_COMMAND, 2,
                 config_read(function->address, CONFIG_COMMAND, 2) | COMMAND_MEMORY);
    message->words[1] = function->id;
    message->words[2] = (uint32_t)function->class << 16 | function->address;
    return STATUS_OK;
}

static status_t read_config(const struct function *function, struct weft_message *message)
{
    uint64_t offset = message->words[1], width = message->words[2];

    if ((width != 1 && width != 2 && width != 4) || offset >= WEFT_PCI_CONFIG_BYTES ||
        offset % width != 0) {
        return STATUS_BAD_ARGUMENT;
    }
    message->words[1] = config_read(function->address, (uint32_t)offset, (uint32_t)width);
    return STATUS_OK;
}

/* One request; the answer's status. */
static status_t serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    uint64_t request = message->words[0];

    if (badge == 0) {
        return request == WEFT_PCI_LIST ? list(message) : STATUS_NO_RIGHT;
    }
    if (request == WEFT_PCI_CLAIM) {
        return claim(badge, message, ipc);
    }
    struct function *function = claim_find(badge);
    if (function == NULL || function->badge != badge) {
        return STATUS_NO_RIGHT; /* not claimed */
    }
    switch (request) {
    case WEFT_PCI_CONFIG:
        return read_config(function, message);
    case WEFT_PCI_REGION:
        return claim_region(function, message, ipc);
    case WEFT_PCI_INTERRUPT:
        return claim_interrupt(function, message, ipc);
    case WEFT_PCI_SHARE:
        return claim_share(function, message, ipc);
    case WEFT_PCI_UNSHARE:
        return claim_unshare(function, message);
    default:
        return STATUS_NO_RIGHT;
    }
}

/* Drivers have ended. A function whose next claim was quicker has another watch by now. */
static void bury(uint64_t bits)
{
    for (uint32_t watch = 0; watch < WATCHES_MAX; watch++) {
        if ((bits >> watch & 1) == 0) {
            continue;
        }
        watch_finished(watch);
        for (uint32_t i = 0; i < function_count; i++) {
            if (functions[i].watch == watch) {
                claim_end(&functions[i]);
            }
        }
    }
}

/* A device was told of an address that its driver may not use: so the driver loses it. */
static void punish(struct function *function)
{
    if (function != NULL && function->badge != 0) {
        weft_print("pci: %02x:%02x.%u is taken from its driver (badge 0x%lx)\n",
                   function->address >> 8u, function->address >> 3u & 31u, function->address & 7u,
                   function->badge);
        claim_end(function);
    }
}

static void answer(struct weft_message *message, struct weft_ipc *ipc, uint64_t badge,
                   status_t came)
{
    uint32_t handles = WEFT_IPC_HANDLES(came);

    for (uint32_t i = handles; i < IPC_HANDLES_MAX; i++) {
        ipc->receive_handles[i] = 0;
    }
    if (handles > 0 && ipc->receive_handles[0] == 0) {
        weft_fail("its table of capabilities is full: what it holds is bounded, so it is sick");
    }
    status_t status = serve(badge, message, ipc);
    message->words[0] = (uint64_t)status;
    for (uint32_t i = 0; i < handles; i++) {
        if (ipc->receive_handles[i] != 0) { /* what was sent and is not kept */
            (void)weft_cap_delete(ipc->receive_handles[i]);
        }
    }
}

static struct weft_service service;

/* What the instances before found out, where the manifest has a `state` for it. */
static struct known_sizes *known_sizes(void)
{
    uint64_t bytes = FUNCTIONS_MAX * sizeof(struct known_sizes);
    _Bool is_kept = service.page != NULL && service.page->state_bytes >= bytes;
    return is_kept ? weft_service_state(&service, bytes) : NULL;
}

int main(void)
{
    uint64_t endpoint = weft_capability("pci"), physical = weft_capability("physical"), gone;
    struct weft_message message = {{0}};
    uint64_t badge;
    _Bool answers = 0;

    weft_service_join(&service);
    bus_open(weft_capability("ports"), physical);
    claim_open(weft_capability("interrupts"), physical);
    if (weft_notification_create(weft_startup()->cpu, &gone) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    watch_open(gone);
    bus_scan(known_sizes());
    guard_open(physical, gone);
    struct weft_ipc ipc = {.notification = (uint32_t)gone, .receive_count = 1};
    for (;;) {
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        ipc.send_count = 0;
        ipc.send_bytes = 0;
        answers = 0;
        if (came == STATUS_TIMED_OUT) {
            continue;
        }
        if (came < 0) {
            weft_fail("the endpoint pci cannot be received from (status %ld)", came);
        }
        if (came == WEFT_IPC_NOTIFIED) {
            bury(badge & ~GUARD_FAULT);
            if ((badge & GUARD_FAULT) != 0) {
                punish(guard_fault());
            }
        } else {
            answer(&message, &ipc, badge, came);
            answers = 1;
        }
    }
}
