/* SPDX-License-Identifier: Apache-2.0
 *
 * Every interleaving of smp/signal_word.h on top of smp/mailbox_queue.h: signallers on other CPUs set
 * bits of one notification, which travels to its owner when it has to. Run it as
 *
 *     signal_interleave [--signallers N] [--signals N] [--stale N] [--plant BUG]
 *
 * Exit code 0: nothing is violated; 1: a violation, which is printed with its interleaving; 2: usage.
 *
 * Checked on every interleaving: the notification's only node is never pushed while it is in the
 * mailbox or on its way; no bit is lost and none is taken twice without a new signal; who takes a bit
 * is guaranteed to see what its signaller wrote before; the owner never waits for ever while a bit is
 * set.
 *
 * --stale bounds how many values a load may be behind: 0 is sequential consistency, the default is no
 * bound.
 *
 * --plant puts one bug in, to prove that it would be found. The list is `plants` below.
 */
#define EXPLORED_SUCCESS(desired) ((void)0)

#include "explored_atomic.h"

#include "smp/mailbox_queue.h"
#include "smp/signal_word.h"

#define SIGNALLERS_MAX (EXPLORER_THREADS_MAX - 1)
#define SIGNALS_MAX 3
#define OWNER 0

enum plant {
    PLANT_NONE,
    PLANT_TAKE_BEFORE_ARRIVED, /* the owner takes the bits, then says that it has arrived */
    PLANT_ALWAYS_PUSH,         /* a signaller pushes although the notification is in flight */
    PLANT_TAKE_CLEARS_ALL,     /* taking the bits clears IN_FLIGHT as well */
    PLANT_RELAXED_SET,         /* set without release */
    PLANT_RELAXED_TAKE,        /* take without acquire */
};

static const char *const plants[] = {
    "none", "take-before-arrived", "always-push", "take-clears-all", "relaxed-set", "relaxed-take"};

static struct {
    unsigned signallers, signals;
    enum plant plant;
} options = {.signallers = 2, .signals = 2};

static struct {
    struct mailbox_queue queue;
    struct mailbox_node node; /* the notification's */
    uint64_t word;
    bool travels; /* the node was given to the mailbox and has not been taken out */
    bool bell;
    struct written content[SIGNALLERS_MAX][SIGNALS_MAX]; /* written before each signal */
    unsigned signalled[SIGNALLERS_MAX];
    unsigned seen[SIGNALLERS_MAX]; /* of these, when the owner last took the bit */
} world;

static void push(void)
{
    if (world.travels) {
        explorer_violation("the notification is pushed while it travels");
        return;
    }
    world.travels = true;
    if (mailbox_queue_push(&world.queue, &world.node) == NULL) {
        explorer_step("rings the doorbell");
        world.bell = true;
    }
}

static void signaller(unsigned index)
{
    unsigned bit = index - 1;

    for (unsigned i = 0; i < options.signals; i++) {
        bool must_push;

        explorer_forget(i);
        clock_written(&world.content[bit][i]);
        must_push = signal_word_set_remote(&world.word, 1ull << bit);
        world.signalled[bit]++; /* nobody else ran since the operation itself */
        if (must_push || options.plant == PLANT_ALWAYS_PUSH) {
            push();
        }
    }
}

static void take_bits(void)
{
    uint64_t bits;

    if (options.plant == PLANT_TAKE_CLEARS_ALL) {
        bits = fetch_and_acq_rel(&world.word, 0ull) & SIGNAL_BITS;
    } else {
        bits = signal_word_take(&world.word);
    }
    for (unsigned i = 0; i < options.signallers; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        if (world.seen[i] == world.signalled[i]) {
            explorer_violation("bit %u is taken twice", i);
        }
        while (world.seen[i] < world.signalled[i]) {
            clock_read(&world.content[i][world.seen[i]++]);
        }
    }
}

static bool bell_is_pending(void)
{
    return world.bell;
}

/* Everything was signalled and taken. */
static bool is_done(void)
{
    for (unsigned i = 0; i < options.signallers; i++) {
        if (world.seen[i] != options.signals) {
            return false;
        }
    }
    return !world.travels;
}

static bool may_wake(void)
{
    return bell_is_pending() || is_done();
}

static void arrived(void)
{
    if (options.plant == PLANT_TAKE_BEFORE_ARRIVED) {
        take_bits();
        signal_word_arrived(&world.word);
    } else {
        signal_word_arrived(&world.word);
        take_bits();
    }
}

static void owner(void)
{
    for (;;) {
        struct mailbox_node *node;

        explorer_forget(0);
        node = mailbox_queue_take(&world.queue);
        if (node != NULL) {
            world.travels = false;
            arrived();
        } else {
            explorer_wait(may_wake, "halts");
            if (!world.bell) {
                return;
            }
            world.bell = false;
        }
        if (explorer.violation[0] != 0) {
            return;
        }
    }
}

static void thread(unsigned index)
{
    if (index == OWNER) {
        owner();
    } else {
        signaller(index);
    }
}

static void set_up(void)
{
    memset(&world, 0, sizeof(world));
    explored_reset(1);
    explored_declare(&world.queue.head, 0);
    explored_declare(&world.word, 0);
}

static uint64_t hash(void)
{
    uint64_t value = explorer_mix(explored_hash(), (uintptr_t)world.queue.head);

    value = explorer_mix(value, (uintptr_t)world.node.next);
    value = explorer_mix(value, world.word);
    value = explorer_mix(value, (unsigned)world.travels << 1 | world.bell);
    for (unsigned i = 0; i < SIGNALLERS_MAX; i++) {
        value = explorer_mix(value, world.signalled[i] << 8 | world.seen[i]);
        for (unsigned j = 0; j < SIGNALS_MAX; j++) {
            value = explorer_mix(value, world.content[i][j].at);
        }
    }
    return value;
}

static void check(void)
{
    if ((world.word & SIGNAL_BITS) != 0 || world.queue.head != NULL) {
        explorer_violation("bits or nodes are left at the end");
    }
}

static unsigned number(const char *text, unsigned maximum)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == 0 || *end != 0 || value > maximum) {
        fprintf(stderr, "signal_interleave: not a number up to %u: %s\n", maximum, text);
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
    fprintf(stderr, "signal_interleave: no such bug: %s\n", name);
    exit(2);
}

int main(int count, char **arguments)
{
    static const char *const names[] = {"owner", "signaller 1", "signaller 2", "signaller 3"};
    struct explorer_model model = {
        .thread_names = names, .thread = thread, .set_up = set_up, .hash = hash, .check = check};

    explored.stale = EXPLORED_VALUES_MAX;
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(arguments[i], "--signallers") == 0) {
            options.signallers = number(arguments[i + 1], SIGNALLERS_MAX);
        } else if (strcmp(arguments[i], "--signals") == 0) {
            options.signals = number(arguments[i + 1], SIGNALS_MAX);
        } else if (strcmp(arguments[i], "--stale") == 0) {
            explored.stale = number(arguments[i + 1], EXPLORED_VALUES_MAX);
        } else if (strcmp(arguments[i], "--plant") == 0) {
            options.plant = plant_by_name(arguments[i + 1]);
        } else {
            fprintf(stderr, "signal_interleave: unknown option %s\n", arguments[i]);
            return 2;
        }
    }
    if (count % 2 == 0 || options.signallers * options.signals == 0) {
        fprintf(stderr, "signal_interleave: options come in pairs, at least one signal\n");
        return 2;
    }
    model.thread_count = 1 + options.signallers;
    explored.relax_release = options.plant == PLANT_RELAXED_SET;
    explored.relax_acquire = options.plant == PLANT_RELAXED_TAKE;
    return explorer_run(&model) ? 0 : 1;
}
