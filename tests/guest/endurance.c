/* SPDX-License-Identifier: Apache-2.0
 *
 * Endurance: services under mixed load, of which a random one is killed again and again, for as long as one likes.
 * Nobody hangs, no answer is wrong, and memory is the same afterwards, to the page: init's, and that of each client.
 * The services and their clients are those of the fault campaign (injection.c); `weft faults --endure MINUTES` runs this
 * for long.
 *
 * Words of the kernel's command line: seconds=N how long, every=MS how often, seed=N in which order;
 * spare=NAME is not killed.
 * A record per kill goes to the console: microseconds until all was well again, and init's free pages then.
 *
 * weft-test: cpus=4 accel=icount append="seconds=2 every=50" disk=4M device=virtio-rng-pci-non-transitional timeout=400
 */
#define PROGRAM "test_endurance"
#include "child.h"

#include "injection_targets.h"

#define SECONDS 2
#define EVERY_MS 1000
#define PATIENCES 10        /* of PATIENCE_US: the host may be slow */
#define WARM_UP 3           /* kills of each service */
#define FLAT_US 20000000ull /* within which memory must have come back */

static struct weft_random chance;
static uint64_t free_pages; /* of init, when it was looked at last */

static uint64_t init_pages(void)
{
    struct weft_service_info info;
    (void)weft_supervisor_list(0, &info, &free_pages);
    return free_pages;
}

/* Microseconds until all is well again; 0: that did not come. */
static uint64_t kill_one(struct target *target)
{
    struct view since, now;
    look(&since);
    uint64_t before = weft_cycles();
    if (weft_supervisor_kill(target->victim.name) != STATUS_OK) {
        return 1; /* it is about to start, after a failure of its own */
    }
    const char *name = NULL;
    for (uint32_t i = 0; i < PATIENCES && (name = wait_well(&since, &now)) != NULL; i++) {
    }
    if (name != NULL) {
        ktap_note("killed %s: %s is not well", target->victim.name, name);
        return 0;
    }
    return (weft_cycles() - before) / weft_microseconds(1);
}

static struct target *some_target(void)
{
    char spared[24] = "";
    (void)weft_argument("spare", spared, sizeof(spared));
    for (;;) {
        struct target *target = &targets[weft_random_below(&chance, TARGETS)];
        if (target->there && strcmp(target->victim.name, spared) != 0) {
            return target;
        }
    }
}

static _Bool kill_and_tell(struct target *target, uint64_t started_at)
{
    uint64_t at = weft_cycles(), took = kill_one(target);
    weft_print(
        "@weft {\"record\":\"kill\",\"service\":\"%s\",\"at\":%lu,\"took\":%lu,\"free\":%lu}\n",
        target->victim.name, (at - started_at) / weft_microseconds(1000), took, init_pages());
    return took != 0;
}

static void warm_up(void)
{
    for (uint32_t turn = 0; turn < WARM_UP; turn++) {
        for (uint32_t i = 0; i < TARGETS; i++) {
            if (targets[i].there) {
                EXPECT(kill_one(&targets[i]) != 0);
            }
        }
    }
}

/* The most that init, and each client, is seen to have while everything works: what is in use for
 * a moment does not count. Waits until it is at least `wanted`. */
struct pages {
    uint64_t init;
    uint64_t clients[CLIENTS];
};

static struct pages most_pages(const struct pages *wanted)
{
    struct pages most = {0};
    uint64_t deadline = weft_deadline(FLAT_US);
    for (uint32_t turn = 0; turn < 200 || weft_cycles() < deadline; turn++) {
        _Bool enough = turn >= 200;
        weft_sleep_for(1000);
        most.init = init_pages() > most.init ? free_pages : most.init;
        enough &= wanted != NULL ? most.init >= wanted->init : 1;
        for (uint32_t i = 0; i < CLIENTS; i++) {
            uint64_t pages = injection_read(&injection_line((enum injection_client)i)->pages);
            most.clients[i] = pages > most.clients[i] ? pages : most.clients[i];
            enough &= wanted != NULL ? most.clients[i] >= wanted->clients[i] : 1;
        }
        if (enough) {
            break;
        }
    }
    return most;
}

static void check_figures(const struct pages *before)
{
    struct pages after = most_pages(before);
    EXPECT_EQUAL(before->init, after.init);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct injection_line *line = injection_line((enum injection_client)i);
        if (client_there[i]) {
            EXPECT_EQUAL(before->clients[i], after.clients[i]);
            EXPECT_EQUAL(0, injection_read(&line->wrong));
            EXPECT_EQUAL(0, injection_read(&line->lost));
            weft_print(
                "@weft "
                "{\"record\":\"client\",\"name\":\"%s\",\"good\":%lu,\"cut\":%lu,\"late\":%lu,"
                "\"pages before\":%lu,\"pages after\":%lu}\n",
                client_names[i], injection_read(&line->good), injection_read(&line->cut),
                injection_read(&line->late), before->clients[i], after.clients[i]);
        }
    }
    weft_print("@weft {\"record\":\"init\",\"pages before\":%lu,\"pages after\":%lu}\n",
               before->init, after.init);
}

TEST(nothing_is_lost_over_time,
     "services are killed again and again under load: nobody hangs, and memory stays the same")
{
    uint64_t seconds = weft_argument_number("seconds", SECONDS);
    uint64_t every = weft_argument_number("every", EVERY_MS) * 1000;
    chance.state = weft_argument_number("seed", 1);
    REQUIRE(injection_board_open());
    REQUIRE(targets_find());
    warm_up();
    struct pages before = most_pages(NULL);
    uint64_t start = weft_cycles(), end = start + seconds * weft_startup()->clock_hz;
    for (uint64_t next = start; weft_cycles() < end;) {
        next += weft_microseconds(every);
        (void)weft_sleep(next);
        REQUIRE(kill_and_tell(some_target(), start));
    }
    check_figures(&before);
}

KTAP_MAIN
