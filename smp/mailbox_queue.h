/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock-free list inside a mailbox: many CPUs push, one CPU (the owner) takes everything at once.
 * No kernel includes; tests/host attacks exactly this file.
 *
 * Theory of operation
 *
 * 1. Motivation. A CPU hands an object to another CPU. Pushing must not allocate, fail or wait, and
 *    it must be known afterwards whether the owner has to be interrupted.
 * 2. Objects. A single word, `head`, says everything:
 *        empty     (NULL)     no nodes; the owner runs or is halted: a push must ring the doorbell
 *        polling   (sentinel) no nodes; the owner looks at the word again and again: no doorbell
 *        a pointer            nodes, the newest first; whoever pushed the oldest one has rung
 * 3. Transitions. push: any -> pointer. take: any -> empty (owner). poll_begin: empty -> polling,
 *    poll_end: polling -> empty (owner, each fails when a node has come in).
 * 4. The lost wake-up. An owner about to halt and a pusher that decides whether to ring would need a
 *    store-load fence each if list and "I am polling" were two words (push, then read the flag;
 *    clear the flag, then read the list). Here both are one word and each change is one atomic
 *    read-modify-write: either poll_end comes first, then the push finds `empty` and rings; or the
 *    push comes first, then poll_end fails and the owner does not halt. Interrupts stay off from
 *    poll_end to the halt instruction, so the doorbell that was rung in between ends the halt.
 * 5. ABA. The owner never compares a pointer: it takes all with one exchange. A pusher compares, but
 *    if `head` went from X away and back to X meanwhile, its node's next = X is right all the same.
 * 6. Order. Nodes come out first-in first-out for each pusher, and for different pushers in the order
 *    of their atomic operations. Quiescence (smp/quiescence.c) rests on this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "smp/atomic.h"

struct mailbox_node {
    struct mailbox_node *next; /* owned by the pusher until the push, then by the mailbox's owner */
};

struct mailbox_queue {
    struct mailbox_node *head; /* (A) see 2. above */
};

#define MAILBOX_POLLING ((struct mailbox_node *)1)

/* Any CPU. Gives `node` away: from the return on, and even before, the owner may have freed it. Returns what
 * was there: NULL (ring the doorbell), MAILBOX_POLLING (the owner will see it by itself), or a node that
 * must not be touched (who pushed the first one has rung). */
static inline struct mailbox_node *mailbox_queue_push(struct mailbox_queue *queue,
                                                      struct mailbox_node *node)
{
    /* Relaxed: a guess that the compare-and-exchange verifies; nothing is read through it. */
    struct mailbox_node *old = load_relaxed(&queue->head);

    do {
        node->next = old == MAILBOX_POLLING ? NULL : old;
        /* [mailbox.push] release: the owner may read the node and all that it carries.
         * Pairs with [mailbox.take]. */
    } while (!compare_exchange_weak_release(&queue->head, &old, node));

    return old;
}

/* Owner. Takes all nodes, oldest first, and ends polling. NULL: there were none. */
static inline struct mailbox_node *mailbox_queue_take(struct mailbox_queue *queue)
{
    /* [mailbox.take] acquire: what the pushers wrote before their push can be read.
     * Pairs with [mailbox.push]: every push continues the release sequence of the ones before. */
    struct mailbox_node *node = exchange_acquire(&queue->head, NULL);
    struct mailbox_node *oldest = NULL;

    if (node == MAILBOX_POLLING) {
        return NULL;
    }
    while (node != NULL) {
        struct mailbox_node *next = node->next;

        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}

/* Owner. True: there is something to take. Relaxed: the take that follows acquires. */
static inline bool mailbox_queue_has_nodes(struct mailbox_queue *queue)
{
    struct mailbox_node *head = load_relaxed(&queue->head);

    return head != NULL && head != MAILBOX_POLLING;
}

/* Owner. From here on pushers do not ring. False: nodes have come in, take them. */
static inline bool mailbox_queue_poll_begin(struct mailbox_queue *queue)
{
    struct mailbox_node *expected = NULL;

    /* Relaxed: publishes nothing but the word itself. */
    return compare_exchange_relaxed(&queue->head, &expected, MAILBOX_POLLING);
}

/* Owner. From here on pushers ring again. False: nodes have come in, do not halt. */
static inline bool mailbox_queue_poll_end(struct mailbox_queue *queue)
{
    struct mailbox_node *expected = MAILBOX_POLLING;

    /* Relaxed: as above; that the two sides agree follows from the one word (4.). */
    return compare_exchange_relaxed(&queue->head, &expected, NULL);
}
