/* SPDX-License-Identifier: Apache-2.0
 *
 * Interrupts of real devices, by line and by message: a PC's clock chip, whose line is edge-triggered,
 * and QEMU's `edu` device, which has a level-triggered line of the PCI bus and messages.
 *
 * weft-test: cpus=4 device=edu
 * weft-test: cpus=1,4 accel=icount device=edu
 * weft-test: cpus=4 accel=icount device=edu seed=1,2,3
 */
#define PROGRAM "test_interrupts"
#include "driver.h"

#define PROBE_BIT 0x80ull

#define TIMER_LINE 0ull
#define TIMER_DATA 0x40
#define TIMER_COMMAND 0x43
#define TIMER_ONCE 0x30  /* channel 0, both bytes, mode 0 */
#define TIMER_COUNT 1193 /* 1 ms */

/* One edge on the timer's line, 1 ms from now. */
static void timer_start(void)
{
    out(TIMER_COMMAND, 1, TIMER_ONCE);
    out(TIMER_DATA, 1, TIMER_COUNT & 0xff);
    out(TIMER_DATA, 1, TIMER_COUNT >> 8);
}

/* Which bits have been signalled, without waiting for more. */
static uint64_t bits_now(uint64_t notification)
{
    uint64_t bits = 0;
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(notification, PROBE_BIT));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
    return bits & ~PROBE_BIT;
}

static uint64_t wait_bits(uint64_t notification)
{
    uint64_t bits = 0;
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
    return bits;
}

/* An interrupt that was given up frees its line a little later. */
static uint64_t create_interrupt(uint64_t line, uint64_t cpu, uint64_t notification, uint64_t bits)
{
    uint64_t deadline = weft_deadline(5000000), interrupt = 0;
    status_t status;
    while ((status = weft_interrupt_create(interrupts, line, cpu, notification, bits,
                                           &interrupt)) == STATUS_BUSY &&
           weft_cycles() < deadline) {
        weft_sleep_for(100);
    }
    EXPECT_STATUS(STATUS_OK, status);
    return interrupt;
}

TEST(a_clock_interrupts,
     "an edge-triggered line signals once per acknowledgement and loses nothing")
{
    uint64_t notification, other;
    find_capabilities();
    for (uint32_t cpu = 0; cpu < 2 && cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(cpu, &notification));
        uint64_t interrupt = create_interrupt(TIMER_LINE, 0, notification, 4);
        EXPECT_STATUS(STATUS_BUSY,
                      weft_interrupt_create(interrupts, TIMER_LINE, 0, notification, 4, &other));
        timer_start();
        weft_sleep_for(5000);
        EXPECT_EQUAL(0, bits_now(notification)); /* nobody has opened it yet */
        EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
        for (unsigned i = 0; i < 5; i++) {
            timer_start();
            EXPECT_EQUAL(4, wait_bits(notification));
            timer_start();
            weft_sleep_for(5000);
            EXPECT_EQUAL(0, bits_now(notification)); /* it has come again, and is held */
            EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
            EXPECT_EQUAL(4, wait_bits(notification)); /* there will be no other edge */
            EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
        }
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(interrupt));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    }
}

TEST(interrupts_want_their_capability, "lines, CPUs, rights, types and kinds are checked")
{
    uint64_t notification, interrupt, message, other;
    uint64_t few = copy_with(interrupts, RIGHT_WRITE, range(8, 2));
    uint64_t reader = copy_with(interrupts, RIGHT_READ, 0);
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    uint64_t deaf = copy_with(notification, RIGHT_READ, 0);
    const struct {
        status_t wanted;
        uint64_t interrupts, line, cpu, notification;
    } cases[] = {
        {STATUS_NO_RIGHT, few, 7, 0, notification},
        {STATUS_NO_RIGHT, few, 10, 0, notification},
        {STATUS_NO_RIGHT, few, INTERRUPT_MESSAGE, 0, notification},
        {STATUS_NO_RIGHT, reader, 8, 0, notification},
        {STATUS_NO_RIGHT, interrupts, INTERRUPT_MESSAGE + 1, 0, notification},
        {STATUS_NO_RIGHT, interrupts, 8, 0, deaf},
        {STATUS_BAD_ARGUMENT, interrupts, 1ull << 32 | 8, 0, notification},
        {STATUS_BAD_ARGUMENT, interrupts, 8, 255, notification},
        {STATUS_BAD_ARGUMENT, interrupts, INTERRUPT_MESSAGE | INTERRUPT_LEVEL, 0, notification},
        {STATUS_BAD_ARGUMENT, interrupts, 200, 0, notification}, /* no such pin */
        {STATUS_BAD_ARGUMENT, interrupts, 250, 0, notification},
        {STATUS_WRONG_TYPE, ports, 8, 0, notification},
        {STATUS_WRONG_TYPE, interrupts, 8, 0, interrupts},
        {STATUS_BAD_HANDLE, 0, 8, 0, notification},
        {STATUS_BAD_HANDLE, interrupts, 8, 0, 0},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!EXPECT_STATUS(cases[i].wanted,
                           weft_interrupt_create(cases[i].interrupts, cases[i].line, cases[i].cpu,
                                                 cases[i].notification, 1, &interrupt))) {
            ktap_note("case %u", i);
        }
    }
    if (cpu_count() > 1) { /* lines arrive at the first CPU */
        EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                      weft_interrupt_create(interrupts, 8, 1, notification, 1, &interrupt));
    }
    REQUIRE_STATUS(STATUS_OK, weft_interrupt_create(few, 8, 0, notification, 1, &interrupt));
    REQUIRE_STATUS(STATUS_OK, weft_interrupt_create(interrupts, INTERRUPT_MESSAGE, other_cpu(),
                                                    notification, 1, &message));
    uint64_t weak = copy_with(message, RIGHT_WRITE, 0), blind = copy_with(message, RIGHT_READ, 0);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_interrupt_message(interrupt, &other));
    EXPECT_STATUS(STATUS_OK, weft_interrupt_message(blind, &other));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_interrupt_message(weak, &other));
    EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(weak));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_interrupt_acknowledge(blind));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_interrupt_acknowledge(notification));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_interrupt_message(notification, &other));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_interrupt_acknowledge(0));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_interrupt_message(0, &other));
    uint64_t handles[] = {few, reader, deaf, interrupt, message, weak, blind, notification};
    for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

TEST(a_line_of_the_bus_interrupts,
     "level-triggered: masked until acknowledged, again while it is wanted")
{
    uint64_t registers = edu_map(MEMORY_UNCACHED), notification;
    REQUIRE(registers != 0);
    uint64_t line = pci_read(edu, PCI_LINE) & 0xff;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &notification));
    uint64_t interrupt = create_interrupt(line | INTERRUPT_LEVEL, 0, notification, 2);
    EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
    for (uint32_t i = 1; i < 5; i++) {
        *edu_word(EDU_RAISE) = i;
        EXPECT_EQUAL(2, wait_bits(notification));
        EXPECT_EQUAL(i, *edu_word(EDU_CAUSE));
        EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt)); /* not the device: */
        EXPECT_EQUAL(2, wait_bits(notification));                        /* it still wants */
        *edu_word(EDU_LOWER) = i;
        EXPECT_EQUAL(0, *edu_word(EDU_CAUSE));
        EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
        EXPECT_EQUAL(0, bits_now(notification));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(interrupt));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    edu_unmap(registers);
}

/* Where a device's registers for messages are; 0: it has none. */
static uint32_t message_capability(void)
{
    uint32_t at = pci_read(edu, PCI_CAPABILITIES) & 0xff;
    while (at != 0 && (pci_read(edu, at) & 0xff) != 5) {
        at = pci_read(edu, at) >> 8 & 0xff;
    }
    return at;
}

static void message_set(uint32_t at, uint64_t message)
{
    uint64_t control = pci_read(edu, at) & ~0x710000ull; /* off, one message */
    _Bool wide = control >> 23 & 1;
    pci_write(edu, at, control);
    if (message != 0) {
        pci_write(edu, at + 4, (uint32_t)message);
        if (wide) {
            pci_write(edu, at + 8, 0);
        }
        pci_write(edu, at + (wide ? 12 : 8), message >> 32);
        pci_write(edu, at, control | 0x10000);
    }
}

TEST(messages_interrupt_any_cpu,
     "a device writes where it was told to: held until acknowledged, noted")
{
    uint64_t registers = edu_map(MEMORY_UNCACHED), notification, message;
    REQUIRE(registers != 0);
    uint32_t at = message_capability();
    REQUIRE(at != 0);
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &notification));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        uint64_t interrupt = create_interrupt(INTERRUPT_MESSAGE, cpu, notification, 1 + cpu);
        REQUIRE_STATUS(STATUS_OK, weft_interrupt_message(interrupt, &message));
        message_set(at, message);
        EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
        for (uint32_t i = 0; i < 3; i++) {
            *edu_word(EDU_RAISE) = 1;
            EXPECT_EQUAL(1 + cpu, wait_bits(notification));
            *edu_word(EDU_LOWER) = 1;
            *edu_word(EDU_RAISE) = 2; /* once more before the driver is done */
            *edu_word(EDU_LOWER) = 2;
            weft_sleep_for(1000);
            EXPECT_EQUAL(0, bits_now(notification));
            EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
            EXPECT_EQUAL(1 + cpu, wait_bits(notification));
            if (i < 2) {
                EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
            }
        }
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(interrupt));
        weft_sleep_for(1000);
        *edu_word(EDU_RAISE) = 4; /* nobody's any more: counted, and no harm done */
        *edu_word(EDU_LOWER) = 4;
        EXPECT_EQUAL(0, bits_now(notification));
    }
    message_set(at, 0);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    edu_unmap(registers);
}

/* ---- drivers that end ------------------------------------------------------------------------- */

static int role_drives_and_ends(uint64_t value)
{
    uint64_t notification, interrupt, bits;
    find_capabilities();
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK ||
        (interrupt = create_interrupt(TIMER_LINE, 0, notification, 1)) == 0 ||
        weft_interrupt_acknowledge(interrupt) != STATUS_OK) {
        return 1;
    }
    timer_start();
    if (weft_notification_wait(notification, 0, &bits) != STATUS_OK) {
        return 1;
    }
    if (value != 0) {
        weft_sleep_for(3600 * 1000000ull); /* killed long before */
    }
    return 0;
}

TEST(a_dead_driver_gives_its_line_back,
     "a driver that ended or was killed leaves its line to the next")
{
    struct weft_grant grants[] = {{"interrupts", interrupts, RIGHT_WRITE, 0},
                                  {"ports", ports, RIGHT_WRITE, 0}};
    uint64_t notification;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    for (unsigned i = 0; i < 6; i++) {
        struct child child;
        struct child_options options = {.value = i % 2};
        REQUIRE(child_start_with(&child, "drives_and_ends", i % cpu_count(), grants, 2, &options));
        if (i % 2 != 0) {
            weft_sleep_for(20000);
            child_kill(&child);
        } else {
            EXPECT_EQUAL(0, child_wait(&child).status);
            child_close(&child);
        }
        uint64_t interrupt = create_interrupt(TIMER_LINE, 0, notification, 1);
        REQUIRE_STATUS(STATUS_OK, weft_cap_delete(interrupt));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

#define VECTORS 192
#define MANY 100 /* of them on one CPU: more than half of its vectors */

static int role_takes_vectors(uint64_t value)
{
    uint64_t notification, interrupt;
    (void)value;
    find_capabilities();
    if (weft_notification_create(0, &notification) != STATUS_OK) {
        return 1;
    }
    for (unsigned i = 0; i < MANY; i++) {
        if (weft_interrupt_create(interrupts, INTERRUPT_MESSAGE, 0, notification, 1, &interrupt) !=
            STATUS_OK) {
            return 2;
        }
    }
    (void)weft_notification_signal(weft_capability("ready"), 1);
    for (;;) {
        weft_sleep_for(1000000);
    }
}

TEST(vectors_end_and_come_back, "a CPU's vectors can be used up: busy, and free again afterwards")
{
    struct child child;
    uint64_t notification, handles[MANY];
    unsigned count = 0;
    status_t status = STATUS_OK;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    struct weft_grant grants[] = {{"interrupts", interrupts, RIGHT_WRITE, 0},
                                  {"ready", notification, RIGHT_WRITE, 0}};
    REQUIRE(child_start(&child, "takes_vectors", other_cpu(), grants, 2));
    EXPECT_EQUAL(1, wait_bits(notification));
    while (count < MANY &&
           (status = weft_interrupt_create(interrupts, INTERRUPT_MESSAGE, 0, notification, 1,
                                           &handles[count])) == STATUS_OK) {
        count++;
    }
    EXPECT_STATUS(STATUS_BUSY, status);
    EXPECT(count <= VECTORS - MANY);
    child_kill(&child);
    while (count < MANY &&
           EXPECT(handles[count] = create_interrupt(INTERRUPT_MESSAGE, 0, notification, 1)) != 0) {
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

static const struct role roles[] = {
    {"drives_and_ends", role_drives_and_ends},
    {"takes_vectors", role_takes_vectors},
};
ROLES_MAIN(roles)
