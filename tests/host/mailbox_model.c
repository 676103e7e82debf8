/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations on one mailbox, one after the other, compared with the obvious model of it: an
 * array of what was pushed and a state. Run it as
 *
 *     mailbox_model SEED OPERATIONS
 *
 * Exit code 0: they agree; 1: they do not, the operation's number and kind are printed; 2: usage.
 * The same seed does the same operations.
 */
#include "tests/host/model.h"
#include "smp/mailbox_queue.h"

#define NODES 64

enum model_state { MODEL_EMPTY, MODEL_POLLING, MODEL_NODES };

static struct {
    struct mailbox_queue queue;
    struct mailbox_node nodes[NODES];
    enum model_state state;
    unsigned waiting[NODES]; /* pushed, oldest first */
    unsigned waiting_count;
    unsigned spare[NODES]; /* not pushed */
    unsigned spare_count;
    unsigned long done[6]; /* how often each operation found the state that makes it interesting */
} world;

static void push(void)
{
    struct mailbox_node *found;
    unsigned index, said;

    if (world.spare_count == 0) {
        return;
    }
    index = world.spare[--world.spare_count];
    world.nodes[index].next = &world.nodes[random_below(NODES)]; /* whatever was there before */
    found = mailbox_queue_push(&world.queue, &world.nodes[index]);
    said = found == NULL ? MODEL_EMPTY : found == MAILBOX_POLLING ? MODEL_POLLING : MODEL_NODES;
    if (said != world.state) {
        disagree("push says the wrong thing about what it found");
    }
    world.done[world.state]++;
    world.waiting[world.waiting_count++] = index;
    world.state = MODEL_NODES;
}

static void take(void)
{
    struct mailbox_node *node = mailbox_queue_take(&world.queue);

    for (unsigned i = 0; i < world.waiting_count; i++) {
        if (node != &world.nodes[world.waiting[i]]) {
            disagree("take gives the wrong node");
        }
        world.spare[world.spare_count++] = world.waiting[i];
        node = node->next;
    }
    if (node != NULL) {
        disagree("take gives more nodes than were pushed");
    }
    world.done[3] += world.waiting_count > 1;
    world.waiting_count = 0;
    world.state = MODEL_EMPTY;
}

static void poll_begin(void)
{
    bool expected = world.state == MODEL_EMPTY;

    if (mailbox_queue_poll_begin(&world.queue) != expected) {
        disagree("poll_begin");
    }
    world.state = expected ? MODEL_POLLING : world.state;
}

static void poll_end(void)
{
    bool expected = world.state == MODEL_POLLING;

    if (mailbox_queue_poll_end(&world.queue) != expected) {
        disagree("poll_end");
    }
    world.done[expected ? 4 : 5]++;
    world.state = expected ? MODEL_EMPTY : world.state;
}

static void step(void)
{
    switch (random_below(6)) {
    case 0:
    case 1:
        push();
        break;
    case 2:
        take();
        break;
    case 3:
        poll_begin();
        break;
    case 4:
        poll_end();
        break;
    default:
        if (mailbox_queue_has_nodes(&world.queue) != (world.state == MODEL_NODES)) {
            disagree("has_nodes");
        }
    }
}

int main(int count, char **arguments)
{
    unsigned long operations = count == 3 ? strtoul(arguments[2], NULL, 10) : 0;

    if (operations == 0) {
        fprintf(stderr, "usage: mailbox_model SEED OPERATIONS\n");
        return 2;
    }
    random_seed(arguments[1]);
    for (unsigned i = 0; i < NODES; i++) {
        world.spare[world.spare_count++] = i;
    }
    for (operation = 0; operation < operations; operation++) {
        step();
    }
    take();
    printf(
        "pushed onto empty %lu polling %lu nodes %lu; took several %lu; poll_end ok %lu late %lu\n",
        world.done[0], world.done[1], world.done[2], world.done[3], world.done[4], world.done[5]);
    return 0;
}
