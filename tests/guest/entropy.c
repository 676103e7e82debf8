/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of virtio-rng against QEMU's device: random bytes for several clients, and a driver that is killed
 * and started again while they ask.
 *
 * weft-test: cpus=4 device=virtio-rng-pci-non-transitional
 * weft-test: cpus=1,4 accel=icount device=virtio-rng-pci-non-transitional
 */
#define PROGRAM "test_entropy"
#include "bus.h"

#include "weft/atomic.h"
#include "weft/entropy.h"

#define RNG WEFT_PCI_BY_ID(0x1af4, 0x1044, 0)
#define RNG_ID 0x1af41044u
#define BYTES WEFT_ENTROPY_MAX

static struct child driver;
static uint64_t service;

static void start(uint32_t cpu)
{
    bus_find();
    if (service == 0) {
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &service));
    }
    REQUIRE(driver_start(&driver, "virtio_rng", RNG, "entropy", service, cpu));
}

/* Bits that are set in so many bytes: 4 of 8, near enough. */
static unsigned ones(const uint8_t *bytes, unsigned count)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        found += (unsigned)__builtin_popcount(bytes[i]);
    }
    return found;
}

TEST(bytes_are_random, "all sizes; each answer another; about as many ones as zeros")
{
    static uint8_t first[BYTES], second[BYTES];
    start(other_cpu());
    for (uint32_t size = 1; size <= BYTES; size *= 2) {
        memset(first, 0, sizeof(first));
        REQUIRE_STATUS(STATUS_OK, weft_entropy_read(service, first, size));
        for (uint32_t i = size; i < BYTES; i++) {
            REQUIRE(first[i] == 0); /* not a byte more */
        }
    }
    REQUIRE_STATUS(STATUS_OK, weft_entropy_read(service, second, BYTES));
    EXPECT(memcmp(first, second, BYTES) != 0);
    unsigned count = ones(first, BYTES) + ones(second, BYTES);
    EXPECT(count > BYTES * 7 &&
           count < BYTES * 9); /* 8192 expected, 64 is one standard deviation */
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_entropy_read(service, first, 0));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_entropy_read(service, first, BYTES + 1));
    struct weft_message wrong = {{~0ull}}; /* what a client without the library may ask */
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(service, &wrong));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, (status_t)wrong.words[0]);
}

struct client {
    uint32_t answers, errors;
    uint32_t *stop; /* atomic: asks until it is set; NULL: 50 times */
};

static void ask_often(void *argument)
{
    struct client *client = argument;
    uint8_t bytes[32], before[32] = {0};
    for (unsigned i = 0; client->stop != NULL ? weft_load_acquire(client->stop) == 0 : i < 50;
         i++) {
        status_t status = weft_entropy_read(service, bytes, sizeof(bytes));
        if (status == STATUS_OK && memcmp(bytes, before, sizeof(bytes)) != 0) {
            client->answers++;
        } else if (status == STATUS_DEAD) {
            client->errors++;
        } else {
            client->errors = ~0u;
            break;
        }
        memcpy(before, bytes, sizeof(bytes));
    }
}

TEST(several_clients_ask_at_once, "threads on all CPUs, each gets answers of its own")
{
    struct weft_group group;
    struct client clients[4] = {{0}};
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < 4; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "client", i % cpu_count(),
                                                    WEFT_PRIORITY_DEFAULT, ask_often, &clients[i]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQUAL(50, clients[i].answers);
    }
}

TEST(a_killed_driver_comes_back,
     "its clients get answers or `dead`, nothing else; the next instance serves on")
{
    struct weft_group group;
    uint32_t stop = 0;
    struct client clients[2] = {{.stop = &stop}, {.stop = &stop}};
    uint8_t bytes[16];
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < 2; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "client", i % cpu_count(),
                                                    WEFT_PRIORITY_DEFAULT, ask_often, &clients[i]));
    }
    for (uint32_t i = 0; i < 5; i++) {
        weft_sleep_for(500);
        child_kill(&driver);
        start(i % cpu_count());
    }
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(clients[i].answers > 0);
        EXPECT(clients[i].errors <=
               5); /* one call was under way at each death, and nothing else failed */
    }
    EXPECT_STATUS(STATUS_OK, weft_entropy_read(service, bytes, sizeof(bytes)));
    EXPECT_EQUAL(RNG, bus_claimant(RNG_ID));
    child_kill(&driver);
    while (bus_claimant(RNG_ID) != 0) {
        weft_sleep_for(100);
    }
}

static const struct role roles[] = {{0}};
ROLES_MAIN(roles)
