/* SPDX-License-Identifier: Apache-2.0
 *
 * Every interleaving of the ring under a channel, weft/channel_ring.h: a sender and a receiver that
 * sleep whenever there is nothing to do, under weak memory. Run it as
 *
 *     channel_interleave [--messages N] [--capacity N] [--batch N] [--quit N] [--stale N] [--plant BUG]
 *
 * Exit code 0: nothing is violated; 1: a violation, which is printed with its interleaving; 2: usage.
 *
 * Checked on every interleaving: all messages arrive, once and in order; who reads a slot is
 * guaranteed to see what was written, and who writes it again, that it has been read; nobody sleeps
 * for ever; the honest partner is never called corrupt; the end arrives after the last message. The
 * wake-up is a flag that carries no memory order and may come late.
 *
 * --quit N: the receiver closes after N messages, and the sender has to notice.
 * --stale bounds how many values a load may be behind: 0 is sequential consistency, the default is no
 * bound.
 * --plant puts one bug in, to prove that it would be found. The list is `plants` below.
 */
#define EXPLORED_SUCCESS(desired) ((void)0)

#include "explored_user_atomic.h"

#include "weft/channel_ring.h"

#define MESSAGES_MAX 8
#define CAPACITY_MAX 4
#define SENDER 0
#define RECEIVER 1

enum plant {
    PLANT_NONE,
    PLANT_NO_RECHECK,   /* the sleeper sets its flag and sleeps, whatever the position is by then */
    PLANT_CHECK_FIRST,  /* the sleeper looks once more, then sets its flag and sleeps */
    PLANT_FLAG_APART,   /* flag and position in two words, each side looks after its store */
    PLANT_BELIEVE_LOAD, /* a load that shows the own flag is taken for a declared sleep */
    PLANT_WAKE_BY_GUESS,   /* the mover looks for the flag before it moves */
    PLANT_CLOSE_SILENTLY,  /* the end wakes nobody */
    PLANT_ONE_TOO_MANY,    /* the sender believes that the ring is one message larger */
    PLANT_RELAXED_RELEASE, /* moves without release */
    PLANT_RELAXED_ACQUIRE, /* looks without acquire */
};

static const char *const plants[] = {
    "none",          "no-recheck",     "check-first",  "flag-apart",      "believe-load",
    "wake-by-guess", "close-silently", "one-too-many", "relaxed-release", "relaxed-acquire",
};

static struct {
    unsigned messages, capacity, batch, quit;
    enum plant plant;
} options = {.messages = 3, .capacity = 1, .batch = 1, .quit = MESSAGES_MAX + 1};

struct message {
    uint64_t number;
    struct written written;
};

static struct {
    struct {
        _Alignas(WEFT_RING_LINE) unsigned char bytes[sizeof(struct weft_ring_shared) +
                                                     CAPACITY_MAX * sizeof(struct message)];
    } memory;
    struct weft_ring ends[2];
    uint64_t flags[2]; /* PLANT_FLAG_APART: this side sleeps */
    bool bells[2];     /* a wake-up for this side is pending */
    unsigned moved[2];
    struct written read[CAPACITY_MAX]; /* of each slot, the last time */
} world;

static bool sender_is_woken(void)
{
    return world.bells[SENDER];
}

static bool receiver_is_woken(void)
{
    return world.bells[RECEIVER];
}

static void wake(unsigned side)
{
    explorer_step("wakes the other side");
    world.bells[side] = true;
}

/* As weft_ring_sleep(), with the planted bug. */
static int64_t declare_sleep(unsigned side)
{
    struct weft_ring *ring = &world.ends[side];
    uint64_t found;

    switch (options.plant) {
    case PLANT_CHECK_FIRST:
        if (weft_ring_look(ring) != 0) {
            return 0;
        }
        [[fallthrough]];
    case PLANT_NO_RECHECK:
        found = fetch_or_acq_rel(ring->other, WEFT_RING_SLEEPS);
        ring->last |= WEFT_RING_SLEEPS;
        (void)found;
        return 1;
    case PLANT_FLAG_APART:
        store_release(&world.flags[side], 1ull);
        return weft_ring_look(ring) == 0 && (ring->last & WEFT_RING_CLOSED) == 0;
    case PLANT_BELIEVE_LOAD:
        if (weft_ring_look(ring) == 0 && (ring->last & WEFT_RING_SLEEPS) != 0) {
            return 1;
        }
        return weft_ring_sleep(ring);
    default:
        return weft_ring_sleep(ring);
    }
}

static void sleep_until_woken(unsigned side)
{
    int64_t asleep = declare_sleep(side);

    if (asleep > 0) {
        explorer_wait(side == SENDER ? sender_is_woken : receiver_is_woken, "sleeps");
        world.bells[side] = false;
    }
    if (asleep < 0) {
        explorer_violation("an honest partner is called corrupt (%ld)", (long)asleep);
    }
}

/* After a move: the other side has to be woken, or what a planted bug thinks of that. */
static void wake_if(unsigned side, bool needed, bool guess)
{
    if (options.plant == PLANT_FLAG_APART) {
        needed = load_acquire(&world.flags[side]) != 0;
        if (needed) {
            store_relaxed(&world.flags[side], 0ull);
        }
    } else if (options.plant == PLANT_WAKE_BY_GUESS) {
        needed = guess;
    }
    if (needed) {
        wake(side);
    }
}

static bool guess(unsigned side)
{
    return options.plant == PLANT_WAKE_BY_GUESS &&
           (load_relaxed(world.ends[side].own) & WEFT_RING_SLEEPS) != 0;
}

static unsigned smaller(unsigned left, unsigned right)
{
    return left < right ? left : right;
}

/* The slots of messages that were sent just now: had they been read, and is the sender sure of it? */
static void check_reuse(unsigned first, int64_t count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (i < options.capacity) {
            continue;
        }
        if (i - options.capacity >= world.moved[RECEIVER]) {
            explorer_violation("message %u is overwritten before it is read", i - options.capacity);
        }
        clock_read(&world.read[i % options.capacity]);
    }
}

static void close_end(unsigned side)
{
    bool guessed = guess(side);
    bool needed = weft_ring_close(&world.ends[side]);

    if (options.plant != PLANT_CLOSE_SILENTLY) {
        wake_if(!side, needed, guessed);
    }
}

static void sender(void)
{
    struct message messages[MESSAGES_MAX];

    while (world.moved[SENDER] < options.messages && explorer.violation[0] == 0) {
        unsigned first = world.moved[SENDER];
        unsigned count = smaller(options.batch, options.messages - first);
        bool needed, guessed;
        int64_t sent;

        explorer_forget(0);
        for (unsigned i = 0; i < count; i++) {
            messages[i].number = first + i;
            clock_written(&messages[i].written);
        }
        guessed = guess(SENDER);
        sent = weft_ring_put(&world.ends[SENDER], messages, count, &needed);
        if (sent == WEFT_CHANNEL_CLOSED && options.quit <= options.messages) {
            return;
        }
        if (sent < 0) {
            explorer_violation("sending fails (%ld)", (long)sent);
            return;
        }
        check_reuse(first, sent);
        world.moved[SENDER] += (unsigned)sent;
        if (sent > 0) {
            wake_if(RECEIVER, needed, guessed);
        } else {
            sleep_until_woken(SENDER);
        }
    }
    close_end(SENDER);
}

static void check_messages(const struct message *messages, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (messages[i].number != world.moved[RECEIVER] + i) {
            explorer_violation("message %lu arrives where %lu was expected", messages[i].number,
                               world.moved[RECEIVER] + i);
            return;
        }
        clock_read(&messages[i].written);
    }
}

/* One try. False: the channel has ended. */
static bool receive(void)
{
    struct message messages[MESSAGES_MAX];
    bool needed, guessed = guess(RECEIVER);
    struct written now;
    int64_t taken;

    clock_written(&now); /* nothing is released between here and the copy */
    taken = weft_ring_take(&world.ends[RECEIVER], messages, options.batch, &needed);
    if (taken == WEFT_CHANNEL_CLOSED) {
        return false;
    }
    if (taken < 0) {
        explorer_violation("receiving fails (%ld)", (long)taken);
        return false;
    }
    check_messages(messages, (uint64_t)taken);
    for (int64_t i = 0; i < taken; i++) {
        world.read[world.moved[RECEIVER]++ % options.capacity] = now;
    }
    if (taken > 0) {
        wake_if(SENDER, needed, guessed);
    } else {
        sleep_until_woken(RECEIVER);
    }
    return explorer.violation[0] == 0;
}

static void receiver(void)
{
    do {
        if (world.moved[RECEIVER] >= options.quit) {
            close_end(RECEIVER);
            return;
        }
        explorer_forget(0);
    } while (receive());
    if (world.moved[RECEIVER] != options.messages) {
        explorer_violation("the end arrives after %u of %u messages", world.moved[RECEIVER],
                           options.messages);
    }
}

static void thread(unsigned index)
{
    if (index == SENDER) {
        sender();
    } else {
        receiver();
    }
}

static void set_up(void)
{
    memset(&world, 0, sizeof(world));
    for (unsigned side = 0; side < 2; side++) {
        (void)weft_ring_open(&world.ends[side], &world.memory, sizeof(world.memory),
                             options.capacity, sizeof(struct message),
                             side == SENDER ? WEFT_RING_SENDER : WEFT_RING_RECEIVER);
    }
    world.ends[SENDER].lead += options.plant == PLANT_ONE_TOO_MANY;
    explored_reset(0);
    explored_declare(world.ends[SENDER].own, 0);
    explored_declare(world.ends[RECEIVER].own, 0);
    if (options.plant == PLANT_FLAG_APART) {
        explored_declare(&world.flags[SENDER], 0);
        explored_declare(&world.flags[RECEIVER], 0);
    }
}

static uint64_t hash(void)
{
    const struct message *slots = (const struct message *)world.ends[SENDER].messages;
    uint64_t value = explored_hash();

    for (unsigned side = 0; side < 2; side++) {
        value = explorer_mix(value, world.ends[side].done << 32 | world.moved[side]);
        value = explorer_mix(value, world.ends[side].last);
        value = explorer_mix(value, (uint64_t)world.ends[side].error << 1 | world.bells[side]);
        value = explorer_mix(value, *world.ends[side].own << 1 | world.flags[side]);
    }
    for (unsigned i = 0; i < options.capacity; i++) {
        value = explorer_mix(value, slots[i].number << 32 | slots[i].written.at);
        value = explorer_mix(value, world.read[i].at);
    }
    return value;
}

static void check(void)
{
    unsigned wanted = smaller(options.messages, options.quit);

    if (world.moved[RECEIVER] < wanted) {
        explorer_violation("%u of %u messages have arrived", world.moved[RECEIVER], wanted);
    }
}

static unsigned number(const char *text, unsigned maximum)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == 0 || *end != 0 || value > maximum) {
        fprintf(stderr, "channel_interleave: not a number up to %u: %s\n", maximum, text);
        exit(2);
    }
    return (unsigned)value;
}

static enum plant plant_by_name(const char *name)
{
    for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
        if (strcmp(name, plants[i]) == 0) {
            return (enum plant)i;
        }
    }
    fprintf(stderr, "channel_interleave: no such bug: %s\n", name);
    exit(2);
}

static void read_options(int count, char **arguments)
{
    const struct {
        const char *name;
        unsigned *value;
        unsigned maximum;
    } numbers[] = {
        {"--messages", &options.messages, MESSAGES_MAX},
        {"--capacity", &options.capacity, CAPACITY_MAX},
        {"--batch", &options.batch, MESSAGES_MAX},
        {"--quit", &options.quit, MESSAGES_MAX},
        {"--stale", &explored.stale, EXPLORED_VALUES_MAX},
    };

    for (int i = 1; i + 1 < count; i += 2) {
        bool known = strcmp(arguments[i], "--plant") == 0;

        if (known) {
            options.plant = plant_by_name(arguments[i + 1]);
        }
        for (unsigned j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
            if (strcmp(arguments[i], numbers[j].name) == 0) {
                *numbers[j].value = number(arguments[i + 1], numbers[j].maximum);
                known = true;
            }
        }
        if (!known) {
            fprintf(stderr, "channel_interleave: unknown option %s\n", arguments[i]);
            exit(2);
        }
    }
    if (count % 2 == 0 || options.batch == 0 || options.capacity == 0 ||
        (options.capacity & (options.capacity - 1)) != 0) {
        fprintf(stderr, "channel_interleave: options come in pairs, batch and capacity at least 1, "
                        "capacity a power of two\n");
        exit(2);
    }
}

int main(int count, char **arguments)
{
    static const char *const names[] = {"sender", "receiver"};
    struct explorer_model model = {.thread_count = 2,
                                   .thread_names = names,
                                   .thread = thread,
                                   .set_up = set_up,
                                   .hash = hash,
                                   .check = check};

    explored.stale = EXPLORED_VALUES_MAX;
    read_options(count, arguments);
    explored.relax_release = options.plant == PLANT_RELAXED_RELEASE;
    explored.relax_acquire = options.plant == PLANT_RELAXED_ACQUIRE;
    return explorer_run(&model) ? 0 : 1;
}
