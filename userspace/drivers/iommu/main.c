/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of the machine's IOMMU (Intel's), for the bus server (weft/iommu.h has the protocol): from its start on
 * devices reach what was granted to them and nothing else. docs/drivers.md tells how it fits in.
 *
 * It is given
 *
 *     iommu         its endpoint, right read, on the CPU where it runs
 *     physical      all pages: the firmware's tables, the registers, and addresses of memory (read)
 *     interrupts    range 256: the IOMMU's own message
 *     state         TABLES bytes (the line that says how many are wanted has the number)
 *
 * Theory of operation
 *
 * 1. What counts stands in the tables, in the state: a new instance finds the IOMMU walking them and goes on. It
 *    holds no memory that was granted; that is the bus server's to hold until it has said WEFT_IOMMU_BLOCK.
 * 2. A fault is printed, shown in the timeline (`stray 00:04.0` with the number of the page), and told to who
 *    waits in WEFT_IOMMU_FAULT. One is enough to end a claim: the next ones of this function are
 *    neither recorded nor told until it is blocked or has its next domain, so a device cannot keep anybody busy
 *    with its faults.
 * 3. A fault that was taken from the registers by an instance that died with it is seen in the tables, without its
 *    address (tables_hushed).
 */
#include "iommu.h"

#include "weft/annotate.h"
#include "weft/print.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

#define FAULTS_MAX 16u /* that nobody has heard of yet */

static struct weft_service service;
static uint64_t endpoint, notification, interrupt, physical;
static _Bool translates;
static uint64_t pages[WEFT_IOMMU_WINDOW_PAGES]; /* of the answer that is being made */
static struct fault faults[FAULTS_MAX];
static uint32_t fault_count;
static uint64_t waiter; /* reply capability of who waits for a fault; 0: nobody */

/* ---- faults ------------------------------------------------------------------------------------- */

static const char *reason_text(uint8_t reason)
{
    switch (reason) { /* VT-d, appendix A */
    case 1:
    case 2:
        return "it has no memory at all";
    case 4:
    case 5:
    case 6:
        return "it was granted no such page";
    default:
        return "its tables are refused";
    }
}

static void tell(struct weft_message *message)
{
    struct fault fault = faults[0];

    fault_count--;
    for (uint32_t i = 0; i < fault_count; i++) {
        faults[i] = faults[i + 1];
    }
    *message = (struct weft_message){{STATUS_OK, fault.function, fault.address, fault.access}};
}

/* What this function did before is over. */
static void forget(uint16_t function)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < fault_count; i++) {
        if (faults[i].function != function) {
            faults[kept++] = faults[i];
        }
    }
    fault_count = kept;
}

static void tell_waiter(void)
{
    struct weft_message message;

    if (waiter != 0 && fault_count > 0) {
        tell(&message);
        (void)weft_ipc_reply_to(waiter, &message, NULL); /* or it has gone */
        (void)weft_cap_delete(waiter);
        waiter = 0;
    }
}

static void note(const struct fault *fault)
{
    uint32_t name = 1u + fault->function;
    char text[16];

    weft_format(text, sizeof(text), "stray %02x:%02x.%u", fault->function >> 8u,
                fault->function >> 3u & 31u, fault->function & 7u);
    weft_annotate_name(name, text);
    weft_annotate_instant(name, (uint32_t)(fault->address / WEFT_PAGE_SIZE));
    weft_print("iommu: %s %s at 0x%lx, and is refused: %s (reason %u)\n", text + 6,
               fault->access == WEFT_IOMMU_READS ? "reads" : "writes", fault->address,
               reason_text(fault->reason), fault->reason);
    if (fault_count < FAULTS_MAX) {
        faults[fault_count++] = *fault;
    }
}

static void look_for_faults(void)
{
    struct fault fault;

    while (unit_fault(&fault)) {
        if (!tables_hush(fault.function)) {
            weft_print("iommu: functions on more than %u buses\n", BUSES_MAX);
        }
        note(&fault);
    }
}

/* ---- requests ------------------------------------------------------------------------------------ */

static void open_all(struct weft_message *message)
{
    if (translates) {
        tables_block_all();
    }
    fault_count = 0;
    message->words[1] = translates;
}

static status_t grant(struct weft_message *message, struct weft_ipc *ipc)
{
    uint16_t function = (uint16_t)message->words[1];
    uint64_t window = message->words[1] >> 32;
    uint64_t first = message->words[2], count = message->words[3];

    if (ipc->receive_handles[0] == 0 || window == 0 || window >= WEFT_IOMMU_WINDOWS || count == 0 ||
        count > WEFT_IOMMU_WINDOW_PAGES) {
        return STATUS_BAD_ARGUMENT;
    }
    if (translates && !acpi_covers(function)) {
        return STATUS_NO_RIGHT; /* it reaches memory as if there were no IOMMU */
    }
    for (uint64_t page = 0; page < count; page++) {
        status_t status =
            weft_memory_physical(ipc->receive_handles[0], first + page, physical, &pages[page]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (translates) {
        status_t status = tables_grant(function, (uint32_t)window, pages, (uint32_t)count);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint64_t page = 0; page < count; page++) {
            pages[page] = weft_iommu_address(window, page);
        }
    }
    ipc->send_address = (uint64_t)pages;
    ipc->send_bytes = (uint32_t)(count * sizeof(pages[0]));
    return STATUS_OK;
}

static status_t serve(struct weft_message *message, struct weft_ipc *ipc)
{
    uint16_t function = (uint16_t)message->words[1];
    uint64_t window = message->words[1] >> 32;

    switch (message->words[0]) {
    case WEFT_IOMMU_OPEN:
        open_all(message);
        return STATUS_OK;
    case WEFT_IOMMU_GRANT:
        return grant(message, ipc);
    case WEFT_IOMMU_TAKE:
        if (translates && window < WEFT_IOMMU_WINDOWS) {
            tables_take(function, (uint32_t)window);
        }
        return STATUS_OK;
    case WEFT_IOMMU_REFUSED:
        message->words[1] = translates && tables_is_hushed(function);
        return STATUS_OK;
    case WEFT_IOMMU_BLOCK:
        if (translates) {
            tables_block(function);
            forget(function);
        }
        return STATUS_OK;
    default:
        return STATUS_BAD_ARGUMENT;
    }
}

/* True: an answer goes out with the next wait. Who waits for a fault while another one does takes its place. */
static _Bool answer(struct weft_message *message, struct weft_ipc *ipc)
{
    if (message->words[0] == WEFT_IOMMU_FAULT && fault_count > 0) {
        tell(message);
        return 1;
    }
    if (message->words[0] == WEFT_IOMMU_FAULT) {
        if (waiter != 0) {
            (void)weft_cap_delete(waiter);
        }
        return weft_ipc_reply_save(&waiter) != STATUS_OK;
    }
    message->words[0] = (uint64_t)serve(message, ipc);
    return 1;
}

/* ---- the beginning --------------------------------------------------------------------------------- */

static void open_interrupt(void)
{
    uint64_t told;
    status_t status = weft_interrupt_create(weft_capability("interrupts"), INTERRUPT_MESSAGE,
                                            weft_startup()->cpu, notification, 1, &interrupt);
    if (status == STATUS_OK) {
        status = weft_interrupt_message(interrupt, &told);
    }
    if (status != STATUS_OK) {
        weft_fail("no interrupt for the IOMMU's faults (status %ld)", status);
    }
    unit_interrupt(told);
    (void)weft_interrupt_acknowledge(interrupt);
}

static void open_unit(uint64_t registers)
{
    unit_open(registers);
    void *here = weft_service_state(&service, tables_bytes());
    uint64_t root = tables_open(weft_capability(WEFT_SERVICE_MEMORY), 1, here, physical);

    if (!unit_walks(root)) {
        tables_clear();
        unit_start(root);
        weft_print("iommu: at 0x%lx: devices reach what they are granted\n", registers);
    } else {
        unit_forget(0); /* what the instance before has changed last */
    }
    for (int32_t function, n = 0; (function = tables_hushed((uint32_t)n)) >= 0; n++) {
        note(&(struct fault){.function = (uint16_t)function});
    }
    open_interrupt();
    look_for_faults();
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    _Bool answers = 0;

    weft_service_open(&service, "iommu");
    endpoint = service.endpoint;
    physical = weft_capability("physical");
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    uint64_t registers = acpi_find_iommu();
    translates = registers != 0;
    if (translates) {
        open_unit(registers);
    } else {
        weft_print(
            "iommu: the firmware tells of none: devices reach what their drivers tell them\n");
    }
    struct weft_ipc ipc = {.notification = (uint32_t)notification, .receive_count = 1};
    for (;;) {
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        answers = 0;
        ipc.send_bytes = 0;
        if (came == STATUS_TIMED_OUT) {
            continue;
        }
        if (came < 0) {
            weft_fail("the endpoint iommu cannot be received from (status %ld)", came);
        }
        if (came == WEFT_IPC_NOTIFIED) {
            (void)weft_interrupt_acknowledge(interrupt);
            look_for_faults();
            tell_waiter();
            continue;
        }
        if (WEFT_IPC_HANDLES(came) == 0) {
            ipc.receive_handles[0] = 0;
        }
        answers = answer(&message, &ipc);
        if (ipc.receive_handles[0] != 0) {
            (void)weft_cap_delete(ipc.receive_handles[0]); /* the tables keep no capability */
        }
    }
}
