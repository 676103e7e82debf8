/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations on the driver's side of a virtqueue (weft/virtqueue.h) under AddressSanitizer, with a device
 * that is played here. Run it as
 *
 *     virtqueue_model_asan SEED OPERATIONS honest|hostile
 *
 * honest: the device follows the standard. Each chain must arrive whole and come back once, in the order in which
 * it was done; a device that sleeps must be notified of the next chain, a driver that sleeps must be
 * interrupted by the next one that is done, and neither when it has not asked.
 *
 * hostile: the device writes anything into the used ring. Nothing outside of the queue may be touched (the
 * sanitizer watches), no chain may come back that is not under way, and a broken queue stays broken.
 *
 * Exit code 0: all well; 1: not, the operation's number is printed; 2: usage.
 */
#include "tests/host/model.h"
#include "weft/virtqueue.h"

#define SIZE_MAX_HERE 16u
#define PIECES_MAX 6u

struct chain {
    struct virtqueue_piece pieces[PIECES_MAX];
    uint16_t read, written;
    struct virtqueue_descriptor table[PIECES_MAX];
    enum { IDLE, GIVEN, TAKEN, DONE } state;
    uint32_t length;
};

static struct {
    struct virtqueue queue;
    void *memory;
    struct chain chains[SIZE_MAX_HERE]; /* by head */
    uint16_t taken, done;               /* the device's positions */
    uint16_t held[SIZE_MAX_HERE];       /* heads that the device has, in any order */
    uint16_t held_count;
    uint16_t order[SIZE_MAX_HERE]; /* heads in the order in which they were done */
    uint16_t order_first, order_count;
    bool device_sleeps, driver_sleeps;
} world;

static unsigned long adds, tables, fulls, notifies, quiets, interrupts, sleeps, backs, broken;

static void open_queue(void)
{
    uint16_t size = (uint16_t)(1u << random_below(5));
    uint64_t features = random_below(2) ? VIRTQUEUE_EVENT_INDEX : 0;

    free(world.memory);
    memset(&world, 0, sizeof(world));
    size_t bytes = (virtqueue_bytes(size) + VIRTQUEUE_ALIGNMENT - 1) & -(size_t)VIRTQUEUE_ALIGNMENT;
    world.memory = aligned_alloc(VIRTQUEUE_ALIGNMENT, bytes);
    if (world.memory == NULL) {
        disagree("no memory");
    }
    memset(world.memory, 0, bytes);
    virtqueue_init(&world.queue, world.memory, size, features);
    uint16_t start = (uint16_t)random_below(1u << 16); /* so that indices come round */
    world.queue.next = world.queue.told = world.queue.seen = start;
    world.queue.available->index = world.queue.used->index = start;
    *world.queue.available_event = *world.queue.used_event = start;
    world.taken = world.done = start;
    world.device_sleeps = true;
}

/* ---- the device, by the standard -------------------------------------------------------------- */

static void device_check(uint16_t head)
{
    const struct chain *chain = &world.chains[head];
    const struct virtqueue_descriptor *table = world.queue.descriptors, *at = &table[head];

    if (chain->state != GIVEN) {
        disagree("the device sees a chain that was not given");
    }
    if ((at->flags & VIRTQUEUE_TABLE) != 0) {
        if (at->length != (chain->read + chain->written) * sizeof(*at)) {
            disagree("a table has the wrong length");
        }
        table = at = (const struct virtqueue_descriptor *)(uintptr_t)at->address;
    }
    for (uint16_t i = 0; i < chain->read + chain->written; i++, at = &table[at->next]) {
        bool last = i + 1 == chain->read + chain->written;
        if (at->address != chain->pieces[i].address || at->length != chain->pieces[i].length ||
            ((at->flags & VIRTQUEUE_WRITTEN) != 0) != (i >= chain->read) ||
            ((at->flags & VIRTQUEUE_NEXT) != 0) == last) {
            disagree("a chain arrived changed");
        }
    }
}

static void device_take(void)
{
    struct virtqueue *queue = &world.queue;

    if (queue->available->index == world.taken) {
        world.device_sleeps = true;
        queue->used->flags = 0;
        *queue->available_event = world.taken;
        return;
    }
    uint16_t head = queue->available->heads[world.taken % queue->size];
    device_check(head);
    world.taken++;
    world.chains[head].state = TAKEN;
    world.held[world.held_count++] = head;
    world.device_sleeps = false;
    queue->used->flags = VIRTQUEUE_QUIET;
}

static void device_done(void)
{
    struct virtqueue *queue = &world.queue;

    if (world.held_count == 0) {
        return;
    }
    uint16_t which = (uint16_t)random_below(world.held_count), head = world.held[which];
    world.held[which] = world.held[--world.held_count];
    struct chain *chain = &world.chains[head];
    chain->state = DONE;
    chain->length = (uint32_t)random_below(1000);
    queue->used->done[world.done % queue->size] = (struct virtqueue_done){head, chain->length};
    world.order[(world.order_first + world.order_count++) % SIZE_MAX_HERE] = head;
    uint16_t before = world.done++;
    queue->used->index = world.done;
    bool wanted = queue->event_index ? (uint16_t)(world.done - *queue->used_event - 1) <
                                           (uint16_t)(world.done - before)
                                     : (queue->available->flags & VIRTQUEUE_QUIET) == 0;
    if (world.driver_sleeps && !wanted) {
        disagree("the driver sleeps and is not interrupted");
    }
    interrupts += wanted;
    world.driver_sleeps = world.driver_sleeps && !wanted;
}

/* ---- the driver ------------------------------------------------------------------------------- */

static void driver_add(void)
{
    struct virtqueue_piece pieces[PIECES_MAX];
    uint16_t count = (uint16_t)(1 + random_below(PIECES_MAX));
    uint16_t read = (uint16_t)random_below(count + 1u), written = (uint16_t)(count - read);
    bool with_table = random_below(2), full = world.queue.free_left < (with_table ? 1 : count);
    uint16_t head = world.queue.free;

    for (uint16_t i = 0; i < count; i++) {
        pieces[i] = (struct virtqueue_piece){random_below(~0ull), (uint32_t)random_below(65536)};
    }
    struct virtqueue_descriptor *table = full ? NULL : world.chains[head].table;
    int32_t result = with_table ? virtqueue_add_table(&world.queue, pieces, read, written, table,
                                                      (uint64_t)(uintptr_t)table)
                                : virtqueue_add(&world.queue, pieces, read, written);
    if (world.queue.broken) {
        return;
    }
    if (full != (result == VIRTQUEUE_FULL) || (!full && result != head)) {
        disagree("a chain is added where there is no room, or refused where there is");
    }
    fulls += full;
    if (full) {
        return;
    }
    adds++;
    tables += with_table;
    struct chain *chain = &world.chains[head];
    if (chain->state != IDLE) {
        disagree("a head is used twice");
    }
    memcpy(chain->pieces, pieces, sizeof(pieces));
    chain->read = read;
    chain->written = written;
    chain->state = GIVEN;
}

static void driver_publish(bool honest)
{
    bool news = world.queue.next != world.queue.told;
    bool notify = virtqueue_publish(&world.queue);

    if (honest && news && world.device_sleeps && !notify) {
        disagree("the device sleeps and is not notified");
    }
    if (honest && notify && (!news || !world.device_sleeps)) {
        disagree("the device is notified for nothing");
    }
    if (world.queue.event_index && notify) {
        world.device_sleeps = false; /* it has been woken; flags go on asking until it looks */
    }
    notifies += notify;
    quiets += news && !notify;
}

static void driver_take(void)
{
    uint16_t head = 0;
    uint32_t length = 0;
    int32_t result = virtqueue_take(&world.queue, &head, &length);

    if (result < 0 || result != (world.order_count > 0)) {
        disagree("something came back that was not done, or did not");
    }
    if (result == 0) {
        return;
    }
    backs++;
    struct chain *chain = &world.chains[head];
    if (head != world.order[world.order_first] || chain->state != DONE || length != chain->length) {
        disagree("another chain came back than was done first");
    }
    world.order_first = (uint16_t)((world.order_first + 1) % SIZE_MAX_HERE);
    world.order_count--;
    chain->state = IDLE;
    world.driver_sleeps = false;
    virtqueue_wake(&world.queue);
}

static void driver_sleep(void)
{
    bool sleeps_now = virtqueue_sleep(&world.queue);

    if (sleeps_now != (world.order_count == 0)) {
        disagree("the driver sleeps beside work, or does not sleep without");
    }
    world.driver_sleeps = sleeps_now;
    sleeps += sleeps_now;
}

static void honest_step(void)
{
    switch (random_below(6)) {
    case 0:
        driver_add();
        break;
    case 1:
        driver_publish(true);
        break;
    case 2:
        device_take();
        break;
    case 3:
        device_done();
        break;
    case 4:
        driver_take();
        break;
    default:
        driver_sleep();
    }
    if (random_below(5000) == 0) {
        open_queue();
    }
}

/* ---- a device that breaks the rules ----------------------------------------------------------- */

static void scribble(void)
{
    struct virtqueue *queue = &world.queue;
    unsigned slot = (unsigned)random_below(queue->size);

    queue->used->done[slot].head =
        (uint32_t)(random_below(3) ? random_below(queue->size + 1u) : random_below(1ull << 32));
    queue->used->index =
        (uint16_t)(random_below(3) ? queue->seen + random_below(3) : random_below(1u << 16));
    queue->used->flags = (uint16_t)random_below(4);
    *queue->available_event = (uint16_t)random_below(1u << 16);
}

static void hostile_step(void)
{
    uint16_t head = 0, under_way = virtqueue_under_way(&world.queue);
    uint32_t length;
    bool was_broken = world.queue.broken;

    scribble();
    driver_add();
    driver_publish(false);
    int32_t result = virtqueue_take(&world.queue, &head, &length);
    if (was_broken && result != VIRTQUEUE_BROKEN) {
        disagree("a broken queue is believed again");
    }
    if (result > 0) {
        backs++;
        if (head >= world.queue.size || world.chains[head].state != GIVEN) {
            disagree("a chain came back that was not under way");
        }
        world.chains[head].state = IDLE;
    }
    if (under_way > world.queue.size) {
        disagree("more is under way than fits");
    }
    (void)virtqueue_sleep(&world.queue);
    if (was_broken && random_below(4) == 0) {
        broken++;
        open_queue();
    }
}

int main(int count, char **arguments)
{
    static const struct model_sides sides = {"virtqueue_model_asan", open_queue, honest_step,
                                             hostile_step};
    bool hostile;

    if (!model_run(&sides, count, arguments, &hostile)) {
        return 2;
    }
    free(world.memory);
    if (hostile) {
        printf("adds %lu backs %lu broken %lu\n", adds, backs, broken);
    } else {
        printf("adds %lu tables %lu fulls %lu notifies %lu quiets %lu interrupts %lu sleeps %lu "
               "backs %lu\n",
               adds, tables, fulls, notifies, quiets, interrupts, sleeps, backs);
    }
    return 0;
}
