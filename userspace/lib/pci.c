/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's side of the bus server's protocol; the header is the manual.
 */
#include "weft/pci.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

#define CAPABILITIES 0x34
#define CAPABILITIES_MAX 48 /* as many fit into the configuration */

/* One request and its answer's status. */
static status_t ask(uint64_t bus, struct weft_message *message, struct weft_ipc *ipc)
{
    status_t status = weft_ipc_call_with(bus, message, ipc);
    return status < 0 ? status : (status_t)message->words[0];
}

status_t weft_pci_list(uint64_t bus, uint32_t index, struct weft_pci_entry *entry)
{
    struct weft_message message = {{WEFT_PCI_LIST, index}};
    status_t status = ask(bus, &message, NULL);
    *entry = (struct weft_pci_entry){.id = (uint32_t)message.words[1],
                                     .class = (uint16_t)(message.words[2] >> 16),
                                     .address = (uint16_t)message.words[2],
                                     .badge = message.words[3]};
    return status;
}

status_t weft_pci_claim(struct weft_pci *pci, uint64_t bus)
{
    struct weft_message message = {{WEFT_PCI_CLAIM}};
    struct weft_ipc ipc = {.send_count = 1, .send_rights = {RIGHT_WRITE}};
    *pci = (struct weft_pci){.bus = bus};
    status_t status = weft_endpoint_create(weft_startup()->cpu, &pci->lifeline);
    if (status != STATUS_OK) {
        return status;
    }
    ipc.send_handles[0] = (uint32_t)pci->lifeline;
    status = ask(bus, &message, &ipc);
    if (status != STATUS_OK) {
        (void)weft_cap_delete(pci->lifeline);
        return status;
    }
    pci->id = (uint32_t)message.words[1];
    pci->class = (uint16_t)(message.words[2] >> 16);
    pci->address = (uint16_t)message.words[2];
    return STATUS_OK;
}

void weft_pci_release(struct weft_pci *pci)
{
    (void)weft_cap_delete(pci->lifeline);
    pci->lifeline = 0;
}

status_t weft_pci_config(const struct weft_pci *pci, uint32_t offset, uint32_t width,
                         uint32_t *value)
{
    struct weft_message message = {{WEFT_PCI_CONFIG, offset, width}};
    status_t status = ask(pci->bus, &message, NULL);
    *value = (uint32_t)message.words[1];
    return status;
}

uint32_t weft_pci_capability(const struct weft_pci *pci, uint8_t id, uint32_t after)
{
    uint32_t at, found;
    if (weft_pci_config(pci, after != 0 ? after + 1 : CAPABILITIES, 1, &at) != STATUS_OK) {
        return 0;
    }
    for (uint32_t turn = 0; at != 0 && turn < CAPABILITIES_MAX; turn++) {
        if (weft_pci_config(pci, at, 2, &found) != STATUS_OK) {
            return 0;
        }
        if ((found & 0xff) == id) {
            return at;
        }
        at = found >> 8;
    }
    return 0;
}

status_t weft_pci_region(const struct weft_pci *pci, uint32_t number, uint64_t *memory,
                         uint64_t *bytes)
{
    struct weft_message message = {{WEFT_PCI_REGION, number}};
    struct weft_ipc ipc = {.receive_count = 1};
    status_t status = ask(pci->bus, &message, &ipc);
    *memory = ipc.receive_handles[0];
    *bytes = message.words[1];
    return status == STATUS_OK && *memory == 0 ? STATUS_NO_SLOT : status;
}

status_t weft_pci_interrupt(const struct weft_pci *pci, uint32_t entry, uint32_t cpu,
                            uint64_t notification, uint64_t bits, uint64_t *interrupt)
{
    struct weft_message message = {{WEFT_PCI_INTERRUPT, entry, cpu, bits}};
    struct weft_ipc ipc = {.send_count = 1,
                           .send_handles = {(uint32_t)notification},
                           .send_rights = {RIGHT_WRITE | RIGHT_COPY},
                           .receive_count = 1};
    status_t status = ask(pci->bus, &message, &ipc);
    *interrupt = ipc.receive_handles[0];
    return status == STATUS_OK && *interrupt == 0 ? STATUS_NO_SLOT : status;
}

status_t weft_pci_share(const struct weft_pci *pci, uint64_t memory, uint64_t first_page,
                        uint32_t pages, uint64_t *addresses, uint32_t *share)
{
    struct weft_message message = {{WEFT_PCI_SHARE, first_page, pages}};
    struct weft_ipc ipc = {.send_count = 1,
                           .send_handles = {(uint32_t)memory},
                           .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY},
                           .receive_address = (uint64_t)addresses,
                           .receive_bytes = pages * (uint32_t)sizeof(addresses[0])};
    if (pages > WEFT_PCI_SHARE_PAGES) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status = ask(pci->bus, &message, &ipc);
    *share = (uint32_t)message.words[1];
    return status;
}

status_t weft_pci_unshare(const struct weft_pci *pci, uint32_t share)
{
    struct weft_message message = {{WEFT_PCI_UNSHARE, share}};
    return ask(pci->bus, &message, NULL);
}
