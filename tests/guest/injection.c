/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault campaign's guest: faults are put into services that work, one after the other, and each is
 * watched until nothing came of it or all is well again. `weft faults` boots this with many seeds;
 * docs/faults.md tells how to read what it prints.
 *
 *     the injector    (this test) takes what init hands out of `opened` services (weft/supervisor.h)
 *     the services    as anywhere else: drivers, and a store with a state (injection_store.h)
 *     their clients   check each answer; canaries check that nothing else was touched (injection_clients.c)
 *
 * One fault:
 *
 *     1. All is well: every service is up, and every client has got good answers.
 *     2. At a random moment of the next milliseconds a fault is put in.
 *     3. It is *manifested* when the service ends, or a client gets an answer that is wrong, or none; else
 *        it is over when the service's client got so many good answers.
 *     4. It has *recovered* when all is well again as in 1, without any help, within PATIENCE_US of guest
 *        time. What has not is reported, and somebody gives a hand, so that the campaign goes on: the service is
 *        restarted by command; if that does not help either, this boot ends.
 *     5. A fault without effect may still be in the memory of the instance. So after a few of these the service is
 *        started again; until then `latent` counts those that stand behind a failure.
 *
 * Words of the kernel's command line: seed=N chooses everything, faults=N how many; service=NAME and
 * kind=NAME, these only; planted: the store cannot be restarted, for the test of the campaign itself.
 *
 * weft-test: cpus=4 accel=icount append="faults=24" seed=1 disk=4M device=virtio-rng-pci-non-transitional timeout=300
 */
#define PROGRAM "test_injection"
#include "injection_targets.h"

#include "weft/annotate.h"

#define FAULTS 24
#define LATENT_MOST 4
#define MOMENT_US 3000 /* within which a fault comes */
#define EVENT_NAME 100
#define SEED_STEP 0x10000ull /* between seeds: each fault has a generator of its own */

static const char *const kind_names[] = FAULT_NAMES;
static struct weft_random chance;

/* ---- one fault ---------------------------------------------------------------------------------- */

struct outcome {
    const char *how; /* NULL: nothing came of it */
    const char *by;  /* who noticed: init or a client */
    uint64_t noticed_at, well_at;
    const char *laggard; /* NULL: it has recovered */
    uint64_t lost;
    uint32_t restarts; /* of the target */
    uint32_t others;   /* of services other than the target */
};

static uint64_t wrong_answers(const struct view *view)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CLIENT_MEMORY; i++) {
        sum += view->clients[i].wrong + view->clients[i].late;
    }
    return sum;
}

/* Has anything come of it? Fills in how. */
static _Bool manifested(const struct target *target, const struct view *before,
                        const struct view *now, struct outcome *out)
{
    static const char *const causes[] = WEFT_SERVICE_CAUSE_NAMES;
    uint32_t index = (uint32_t)(target - targets);
    const struct weft_service_info *service = &now->services[index];
    if (service->instance != before->services[index].instance ||
        service->failures != before->services[index].failures) {
        out->how = causes[service->cause];
        out->by = service->cause == WEFT_CAUSE_COMPLAINT ? "client" : "init";
        out->noticed_at = service->failed_at;
        return 1;
    }
    if (wrong_answers(now) != wrong_answers(before)) {
        out->how = "wrong";
        out->by = "client";
        out->noticed_at = weft_cycles();
        return 1;
    }
    return 0;
}

/* Until something has come of it, or it may be said that nothing has. */
static void watch(const struct target *target, const struct view *before, struct outcome *out)
{
    struct view now;
    uint64_t deadline = weft_deadline(PATIENCE_US);
    uint64_t enough = before->clients[target->client].good + target->window;
    *out = (struct outcome){0};
    do {
        weft_sleep_for(LOOK_US);
        look(&now);
        if (manifested(target, before, &now, out)) {
            return;
        }
    } while ((now.clients[target->client].good < enough || laggard(before, &now) != NULL) &&
             weft_cycles() < deadline);
    if (weft_cycles() >= deadline) {
        out->how = "silence";
        out->by = "nobody";
        out->noticed_at = deadline;
        out->laggard = laggard(before, &now);
    }
}

static void count_restarts(const struct target *target, const struct view *before,
                           const struct view *after, struct outcome *out)
{
    for (uint32_t i = 0; i < TARGETS; i++) {
        uint32_t restarts = after->services[i].instance - before->services[i].instance;
        if (&targets[i] == target) {
            out->restarts = restarts;
        } else {
            out->others += restarts;
        }
    }
    for (uint32_t i = 0; i < CLIENT_MEMORY; i++) {
        out->lost += after->clients[i].lost - before->clients[i].lost;
    }
}

/* Everybody has got a good answer by then: the latest of the first ones after it was noticed would be exact, and
 * this is at most LOOK_US more. */
static void follow(const struct target *target, const struct view *before, struct outcome *out)
{
    struct view start, now;
    look(&start);
    if (out->laggard == NULL) {
        out->laggard = wait_well(&start, &now);
    } else {
        now = start;
    }
    out->well_at = now.clients[target->client].good_at;
    count_restarts(target, before, &now, out);
}

/* Those in running instances that have shown no effect: "pci:2 store:1". */
static const char *latent_faults(void)
{
    static char text[80];
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (targets[i].latent != 0 && length < sizeof(text)) {
            length += weft_format(text + length, sizeof(text) - length, "%s%s:%u",
                                  length ? " " : "", targets[i].victim.name, targets[i].latent);
        }
    }
    return text;
}

static void report(const struct target *target, enum fault_kind kind, uint32_t number,
                   uint64_t injected_at, const struct outcome *out)
{
    uint64_t us = weft_microseconds(1);
    weft_print(
        "@weft {\"record\":\"fault\",\"number\":%u,\"service\":\"%s\",\"kind\":\"%s\",\"at\":%lu,"
        "\"how\":\"%s\",\"by\":\"%s\",\"noticed\":%ld,\"recovered\":%u,\"took\":%ld,"
        "\"restarts\":%u,\"others\":%u,\"lost\":%lu,\"latent\":\"%s\",\"laggard\":\"%s\"}\n",
        number, target->victim.name, kind_names[kind], injected_at / us,
        out->how != NULL ? out->how : "", out->by != NULL ? out->by : "",
        out->how != NULL ? (int64_t)(out->noticed_at - injected_at) / (int64_t)us : 0,
        out->how != NULL && out->laggard == NULL,
        out->how != NULL && out->laggard == NULL
            ? (int64_t)(out->well_at - out->noticed_at) / (int64_t)us
            : 0,
        out->restarts, out->others, out->lost, latent_faults(),
        out->laggard != NULL ? out->laggard : "");
}

/* Something is wrong that does not mend itself. False: this does not help either. */
static _Bool help(void)
{
    struct view since, now;
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (targets[i].there) {
            (void)weft_supervisor_restart(targets[i].victim.name);
            targets[i].latent = 0;
        }
    }
    look(&since);
    return wait_well(&since, &now) == NULL;
}

/* Something is wrong after faults that had no effect when they were watched: told, and helped. False: this does not
 * help. */
static _Bool help_late(uint32_t number, const char *laggard)
{
    weft_print(
        "@weft "
        "{\"record\":\"late\",\"number\":%u,\"at\":%lu,\"latent\":\"%s\",\"laggard\":\"%s\"}\n",
        number, weft_cycles() / weft_microseconds(1), latent_faults(), laggard);
    return help();
}

/* Waits until all is well. False: that does not come. */
static _Bool settle(uint32_t number, struct view *now, _Bool *helped)
{
    struct view since;
    look(&since);
    const char *laggard = wait_well(&since, now);
    *helped = laggard != NULL;
    return laggard == NULL || help_late(number, laggard);
}

/* A new instance in the place of one that has latent faults. False: not all is well with it, and nothing helps. */
static _Bool refresh(struct target *target, uint32_t number)
{
    struct view now;
    _Bool helped;
    if (weft_supervisor_restart(target->victim.name) != STATUS_OK) {
        return 1; /* it has just ended; who comes next waits */
    }
    if (!settle(number, &now, &helped)) {
        return 0;
    }
    target->latent = 0;
    return 1;
}

static _Bool stays(enum fault_kind kind)
{
    return kind != FAULT_KILL && kind != FAULT_MESSAGE && kind != FAULT_INTERRUPTS;
}

enum progress { FAULT_MISSED, FAULT_SEEN, FAULT_STUCK };

/* FAULT_STUCK: the campaign cannot go on. */
static enum progress inject_one(struct target *target, enum fault_kind kind, uint32_t number)
{
    struct view before;
    struct outcome out;
    _Bool helped;
    if (!settle(number, &before, &helped)) {
        return FAULT_STUCK;
    }
    if (helped) {
        return FAULT_MISSED;
    }
    weft_sleep_for(weft_random_below(&chance, MOMENT_US));
    look(&before);
    uint32_t instance = before.services[target - targets].instance;
    uint64_t injected_at = 0;
    status_t status = fault_open(&target->victim, instance);
    if (status == STATUS_OK) {
        injected_at = weft_cycles();
        weft_annotate_instant(EVENT_NAME + kind, number);
        status = fault_inject(&target->victim, kind, &chance);
    }
    if (status != STATUS_OK) {
        return FAULT_MISSED; /* it has just ended, of a latent fault, or cannot take more of this kind */
    }
    watch(target, &before, &out);
    if (out.how != NULL) {
        follow(target, &before, &out);
    }
    report(target, kind, number, injected_at, &out);
    target->latent = out.how != NULL ? 0 : target->latent + stays(kind);
    if (out.laggard != NULL) {
        return help() ? FAULT_SEEN : FAULT_STUCK;
    }
    if (target->latent > weft_random_below(&chance, LATENT_MOST) && !refresh(target, number)) {
        return FAULT_STUCK;
    }
    return FAULT_SEEN;
}

/* ---- all of them -------------------------------------------------------------------------------- */

static struct target *some_target(void)
{
    char only[24] = "";
    (void)weft_argument("service", only, sizeof(only));
    for (;;) {
        struct target *target = &targets[weft_random_below(&chance, TARGETS)];
        if (target->there && (only[0] == '\0' || strcmp(only, target->victim.name) == 0)) {
            return target;
        }
    }
}

/* Interrupts are only for those who have some. */
static enum fault_kind some_kind(const struct target *target)
{
    char only[24] = "";
    _Bool named = weft_argument("kind", only, sizeof(only));
    for (;;) {
        enum fault_kind kind = (enum fault_kind)weft_random_below(&chance, FAULT_KINDS);
        _Bool fits = target->interrupts || (kind != FAULT_DEAF && kind != FAULT_INTERRUPTS);
        if (named ? strcmp(only, kind_names[kind]) == 0 : fits) {
            return kind;
        }
    }
}

/* service= and kind= are names that there are. */
static _Bool words_known(void)
{
    char word[24] = "";
    _Bool service = !weft_argument("service", word, sizeof(word));
    for (uint32_t i = 0; i < TARGETS; i++) {
        service |= targets[i].there && strcmp(word, targets[i].victim.name) == 0;
    }
    if (!service) {
        ktap_note("there is no service %s here", word);
    }
    _Bool kind = !weft_argument("kind", word, sizeof(word));
    for (uint32_t i = 0; i < FAULT_KINDS; i++) {
        kind |= strcmp(word, kind_names[i]) == 0;
    }
    if (!kind) {
        ktap_note("there is no kind %s of faults", word);
    }
    return service && kind;
}

static void check_canaries(void)
{
    EXPECT_EQUAL(0, injection_read(&injection_line(CLIENT_MEMORY)->wrong));
    EXPECT_EQUAL(0, injection_read(&injection_line(CLIENT_PING)->wrong));
}

TEST(faults_stay_where_they_are,
     "services are spoilt in every way under load: the rest of the system goes on unharmed")
{
    uint64_t wanted = weft_argument_number("faults", FAULTS);
    struct view last;
    _Bool goes_on = 1, helped;
    REQUIRE(injection_board_open());
    REQUIRE_STATUS(STATUS_OK, fault_make_code());
    for (uint32_t kind = 0; kind < FAULT_KINDS; kind++) {
        weft_annotate_name(EVENT_NAME + kind, kind_names[kind]);
    }
    REQUIRE(targets_find());
    REQUIRE(words_known());
    for (uint32_t i = 0, tries = 0; i < wanted && goes_on && tries < 4 * wanted; tries++) {
        chance.state = weft_argument_number("seed", 1) * SEED_STEP + tries;
        struct target *target = some_target();
        enum progress progress = inject_one(target, some_kind(target), i);
        goes_on = progress != FAULT_STUCK;
        i += progress != FAULT_MISSED;
        check_canaries();
    }
    goes_on = goes_on && settle((uint32_t)wanted, &last, &helped);
    weft_print("@weft {\"record\":\"faults\",\"complete\":%u}\n", goes_on);
}

KTAP_MAIN
