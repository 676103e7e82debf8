/* SPDX-License-Identifier: Apache-2.0
 *
 * Every interleaving of smp/mailbox_queue.h with two or three pushers and an owner that drains, polls
 * and halts as an idle CPU does. Run it as
 *
 *     mailbox_interleave [--pushers N] [--nodes N] [--polls N] [--stale N] [--plant BUG]
 *
 * Exit code 0: nothing is violated; 1: a violation, which is printed with its interleaving; 2: usage.
 *
 * Checked on every interleaving: each node arrives exactly once; nodes arrive in the order of the
 * pushes' atomic operations; the receiver is guaranteed to see what the sender wrote; the owner never
 * halts for ever while a node waits (a lost wake-up is a deadlock here).
 *
 * --stale bounds how many values a load may be behind: 0 is sequential consistency, the default is no
 * bound.
 *
 * --plant puts one bug in, to prove that it would be found. The list is `plants` below.
 */
#define EXPLORED_SUCCESS(desired) note_success((uint64_t)(desired))
static inline void note_success(unsigned long long desired);

#include "explored_atomic.h"

#include "smp/mailbox_queue.h"

#define PUSHERS_MAX (EXPLORER_THREADS_MAX - 1)
#define NODES_MAX 6
#define OWNER 0

enum plant {
    PLANT_NONE,
    PLANT_HALT_UNCHECKED,   /* the owner halts although poll_end failed */
    PLANT_POLL_END_STORE,   /* poll_end stores "empty" instead of comparing */
    PLANT_TAKE_TWO_STEPS,   /* take reads the list and then empties it */
    PLANT_RING_BY_GUESS,    /* the pusher decides by a look before its push whether to ring */
    PLANT_RING_NEVER_FIRST, /* a push onto an empty mailbox does not ring */
    PLANT_RELAXED_PUSH,     /* push without release */
    PLANT_RELAXED_TAKE,     /* take without acquire */
    PLANT_NEWEST_FIRST,     /* take does not turn the list round */
    PLANT_TWO_WORDS,        /* "I poll" in a second word, without the fence that this needs */
};

static const char *const plants[] = {
    "none",           "halt-unchecked", "poll-end-store", "take-two-steps", "ring-by-guess",
    "ring-not-first", "relaxed-push",   "relaxed-take",   "newest-first",   "two-words",
};

struct parcel {
    struct mailbox_node node;
    unsigned number;
    struct written written; /* of the content */
};

static struct {
    unsigned pushers, nodes_each, polls;
    enum plant plant;
} options = {.pushers = 2, .nodes_each = 2, .polls = 1};

static struct {
    struct mailbox_queue queue;
    uint64_t polls; /* PLANT_TWO_WORDS: the owner polls */
    struct parcel parcels[NODES_MAX];
    bool bell;                                  /* a doorbell interrupt is pending at the owner */
    unsigned pushed[NODES_MAX], pushed_count;   /* in the order of the atomic operations */
    unsigned arrived[NODES_MAX], arrived_count; /* in the order in which the owner saw them */
} world;

static unsigned total(void)
{
    return options.pushers * options.nodes_each;
}

/* A compare-and-exchange succeeded: if it pushed a parcel, this is its place in the order. */
static inline void note_success(unsigned long long desired)
{
    for (unsigned i = 0; i < total(); i++) {
        if (desired == (uintptr_t)&world.parcels[i].node) {
            world.pushed[world.pushed_count++] = i;
        }
    }
}

static bool must_ring(const struct mailbox_node *result, const struct mailbox_node *guess)
{
    if (options.plant == PLANT_RING_BY_GUESS) {
        return guess == NULL;
    }
    if (options.plant == PLANT_RING_NEVER_FIRST) {
        return result != NULL && result != MAILBOX_POLLING;
    }
    if (options.plant == PLANT_TWO_WORDS) {
        return result == NULL && load_acquire(&world.polls) == 0;
    }
    return result == NULL;
}

static void pusher(unsigned index)
{
    for (unsigned i = 0; i < options.nodes_each; i++) {
        struct parcel *parcel = &world.parcels[(index - 1) * options.nodes_each + i];
        struct mailbox_node *guess = NULL;
        struct mailbox_node *result;

        explorer_forget(i);
        clock_written(&parcel->written);
        if (options.plant == PLANT_RING_BY_GUESS) {
            guess = load_relaxed(&world.queue.head);
        }
        result = mailbox_queue_push(&world.queue, &parcel->node);
        if (must_ring(result, guess)) {
            explorer_step("rings the doorbell");
            world.bell = true;
        }
    }
}

static struct mailbox_node *reversed(struct mailbox_node *node)
{
    struct mailbox_node *result = NULL;

    while (node != NULL) {
        struct mailbox_node *next = node->next;

        node->next = result;
        result = node;
        node = next;
    }
    return result;
}

static struct mailbox_node *take(void)
{
    struct mailbox_node *node;

    switch (options.plant) {
    case PLANT_TAKE_TWO_STEPS:
        node = load_acquire(&world.queue.head);
        store_relaxed(&world.queue.head, NULL);
        return node == MAILBOX_POLLING ? NULL : reversed(node);
    case PLANT_NEWEST_FIRST:
        return reversed(mailbox_queue_take(&world.queue));
    default:
        return mailbox_queue_take(&world.queue);
    }
}

static void drain(void)
{
    struct mailbox_node *node = take();

    while (node != NULL) {
        struct mailbox_node *next = node->next;
        struct parcel *parcel = (struct parcel *)node;

        clock_read(&parcel->written);
        if (world.arrived_count == total()) {
            explorer_violation("more nodes arrive than were pushed");
            return;
        }
        world.arrived[world.arrived_count++] = parcel->number;
        node->next = NULL;
        node = next;
    }
}

static bool bell_is_pending(void)
{
    return world.bell;
}

static void halt(void)
{
    explorer_wait(bell_is_pending, "halts");
    world.bell = false;
}

/* What poll() would be with two words, and without the fence that they need. */
static bool poll_with_two_words(void)
{
    store_release(&world.polls, 1);
    for (unsigned i = 0; i < options.polls; i++) {
        if (mailbox_queue_has_nodes(&world.queue)) {
            break;
        }
    }
    store_release(&world.polls, 0);
    return load_acquire(&world.queue.head) == NULL;
}

/* True: it is safe to halt. False: there are nodes. */
static bool poll(void)
{
    if (options.plant == PLANT_TWO_WORDS) {
        return poll_with_two_words();
    }
    if (!mailbox_queue_poll_begin(&world.queue)) {
        return false;
    }
    for (unsigned i = 0; i < options.polls; i++) {
        if (mailbox_queue_has_nodes(&world.queue)) {
            return false;
        }
    }
    switch (options.plant) {
    case PLANT_POLL_END_STORE:
        store_relaxed(&world.queue.head, NULL);
        return true;
    case PLANT_HALT_UNCHECKED:
        (void)mailbox_queue_poll_end(&world.queue);
        return true;
    default:
        return mailbox_queue_poll_end(&world.queue);
    }
}

static void owner(void)
{
    for (;;) {
        explorer_forget(0);
        drain();
        if (world.arrived_count == total() || explorer.violation[0] != 0) {
            return;
        }
        /* Without polling it halts at once, or goes on in user mode until the doorbell. */
        if (options.polls == 0 || poll()) {
            halt();
        }
    }
}

static void thread(unsigned index)
{
    if (index == OWNER) {
        owner();
    } else {
        pusher(index);
    }
}

static void set_up(void)
{
    memset(&world, 0, sizeof(world));
    for (unsigned i = 0; i < NODES_MAX; i++) {
        world.parcels[i].number = i;
    }
    explored_reset(1);
    explored_declare(&world.queue.head, 0);
    explored_declare(&world.polls, 0);
}

static uint64_t hash(void)
{
    uint64_t value = explorer_mix(explored_hash(), (uintptr_t)world.queue.head);

    value = explorer_mix(value, world.polls << 1 | world.bell);
    for (unsigned i = 0; i < NODES_MAX; i++) {
        value = explorer_mix(value, (uintptr_t)world.parcels[i].node.next);
        value = explorer_mix(value, world.parcels[i].written.at);
        value = explorer_mix(value, world.pushed[i]);
        value = explorer_mix(value, world.arrived[i]);
    }
    value = explorer_mix(value, world.pushed_count);
    return explorer_mix(value, world.arrived_count);
}

static void check(void)
{
    if (world.arrived_count != total() || world.pushed_count != total()) {
        explorer_violation("%u nodes pushed, %u arrived", world.pushed_count, world.arrived_count);
        return;
    }
    for (unsigned i = 0; i < total(); i++) {
        if (world.arrived[i] != world.pushed[i]) {
            explorer_violation("node %u was pushed as number %u, but node %u arrived then",
                               world.pushed[i], i, world.arrived[i]);
            return;
        }
    }
    if (world.queue.head != NULL) {
        explorer_violation("the mailbox is not empty at the end");
    }
}

static unsigned number(const char *text, unsigned maximum)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == 0 || *end != 0 || value > maximum) {
        fprintf(stderr, "mailbox_interleave: not a number up to %u: %s\n", maximum, text);
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
    fprintf(stderr, "mailbox_interleave: no such bug: %s\n", name);
    exit(2);
}

static void parse(int count, char **arguments)
{
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(arguments[i], "--pushers") == 0) {
            options.pushers = number(arguments[i + 1], PUSHERS_MAX);
        } else if (strcmp(arguments[i], "--nodes") == 0) {
            options.nodes_each = number(arguments[i + 1], NODES_MAX);
        } else if (strcmp(arguments[i], "--polls") == 0) {
            options.polls = number(arguments[i + 1], 16);
        } else if (strcmp(arguments[i], "--stale") == 0) {
            explored.stale = number(arguments[i + 1], EXPLORED_VALUES_MAX);
        } else if (strcmp(arguments[i], "--plant") == 0) {
            options.plant = plant_by_name(arguments[i + 1]);
        } else {
            fprintf(stderr, "mailbox_interleave: unknown option %s\n", arguments[i]);
            exit(2);
        }
    }
    if (count % 2 == 0 || total() == 0 || total() > NODES_MAX) {
        fprintf(stderr, "mailbox_interleave: options come in pairs, 1 to %d nodes\n", NODES_MAX);
        exit(2);
    }
}

int main(int count, char **arguments)
{
    static const char *const names[] = {"owner", "pusher 1", "pusher 2", "pusher 3"};
    struct explorer_model model = {
        .thread_names = names, .thread = thread, .set_up = set_up, .hash = hash, .check = check};

    explored.stale = EXPLORED_VALUES_MAX;
    parse(count, arguments);
    model.thread_count = 1 + options.pushers;
    explored.relax_release = options.plant == PLANT_RELAXED_PUSH;
    explored.relax_acquire = options.plant == PLANT_RELAXED_TAKE;
    return explorer_run(&model) ? 0 : 1;
}
