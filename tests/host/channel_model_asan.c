/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations on the ring under a channel, one after the other, under AddressSanitizer. Run it as
 *
 *     channel_model_asan SEED OPERATIONS honest|hostile
 *
 * honest: both ends, compared with the obvious model of them: an array of what was sent and four
 * flags. Every result is predicted, to the number of messages and the question whether to wake.
 *
 * hostile: one end; the other's part is played by somebody who writes anything into the shared memory
 * between two operations, preferably values that are nearly right. The results must stay in their
 * bounds, no byte outside of the ring and of the caller's buffer may be touched (the sanitizer watches
 * the first, a canary the second), and who was called corrupt stays so.
 *
 * Exit code 0: all well; 1: not, the operation's number and kind are printed; 2: usage. The same seed
 * does the same operations.
 */
#include "tests/host/model.h"
#include "weft/channel_ring.h"

#define CAPACITY_MAX 16
#define BATCH_MAX 24
#define SIZE_MAX_BYTES 40
#define CANARY 0x5a

static struct {
    struct weft_ring_shared *shared;
    size_t bytes;
    struct weft_ring ends[2];
    uint64_t capacity;
    size_t size;
    uint64_t sent, taken; /* the model: message n holds bytes made of n */
    bool sleeps[2], closed[2];
} world;

static unsigned long sends, takes, partial, wakes, sleeps, refusals, ends, wraps, corrupt;

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

static unsigned char byte_of(uint64_t message, size_t index)
{
    return (unsigned char)((message * 0x9e3779b97f4a7c15ull >> 32) + index * 7);
}

static void open_ends(void)
{
    world.capacity = 1ull << random_below(5);
    world.size = 1 + random_below(SIZE_MAX_BYTES);
    world.bytes = weft_ring_bytes(world.capacity, world.size);
    free(world.shared);
    if (posix_memalign((void **)&world.shared, WEFT_RING_LINE, world.bytes) != 0) {
        disagree("no memory");
    }
    memset(world.shared, 0, world.bytes);
    for (unsigned side = 0; side < 2; side++) {
        if (weft_ring_open(&world.ends[side], world.shared, world.bytes, world.capacity, world.size,
                           (enum weft_ring_role)side) != 0) {
            disagree("open");
        }
        world.sleeps[side] = world.closed[side] = false;
    }
    world.sent = world.taken = 0;
}

/* ---- honest ---------------------------------------------------------------------------------- */

/* What a side may do, by the model. */
static int64_t expected_moves(unsigned side, uint64_t count)
{
    uint64_t waiting = world.sent - world.taken;

    if (world.closed[side]) {
        return WEFT_CHANNEL_CLOSED;
    }
    if (side == WEFT_RING_SENDER) {
        return (int64_t)smaller(count, world.capacity - waiting);
    }
    return waiting == 0 && world.closed[WEFT_RING_SENDER] ? WEFT_CHANNEL_CLOSED
                                                          : (int64_t)smaller(count, waiting);
}

static void check_wake(unsigned side, int64_t moved, bool wake)
{
    bool expected = moved > 0 && world.sleeps[!side];

    if (wake != expected) {
        disagree("wake");
    }
    wakes += wake;
    if (moved > 0) {
        world.sleeps[!side] = false;
    }
}

static void put(void)
{
    unsigned char bytes[BATCH_MAX * SIZE_MAX_BYTES];
    uint64_t count = 1 + random_below(BATCH_MAX);
    int64_t expected = expected_moves(WEFT_RING_SENDER, count);
    bool wake;

    for (size_t i = 0; i < count * world.size; i++) {
        bytes[i] = byte_of(world.sent + i / world.size, i % world.size);
    }
    int64_t moved = weft_ring_put(&world.ends[WEFT_RING_SENDER], bytes, count, &wake);
    /* That the receiver has closed need not be known before the ring is full. */
    bool told = world.closed[WEFT_RING_RECEIVER] && moved == WEFT_CHANNEL_CLOSED;
    if (moved != expected && !told) {
        disagree("put");
    }
    refusals += told;
    check_wake(WEFT_RING_SENDER, moved, wake);
    if (moved > 0) {
        wraps += world.sent % world.capacity + (uint64_t)moved > world.capacity;
        partial += (uint64_t)moved < count;
        world.sent += (uint64_t)moved;
        sends++;
    }
}

static void take(void)
{
    unsigned char bytes[BATCH_MAX * SIZE_MAX_BYTES];
    uint64_t count = 1 + random_below(BATCH_MAX);
    int64_t expected = expected_moves(WEFT_RING_RECEIVER, count);
    bool wake;
    int64_t moved = weft_ring_take(&world.ends[WEFT_RING_RECEIVER], bytes, count, &wake);

    /* What was sent is taken even if the sender is known to be gone; less only by an older look. */
    if (moved != expected) {
        disagree("take");
    }
    for (size_t i = 0; moved > 0 && i < (uint64_t)moved * world.size; i++) {
        if (bytes[i] != byte_of(world.taken + i / world.size, i % world.size)) {
            disagree("a message has changed");
        }
    }
    check_wake(WEFT_RING_RECEIVER, moved, wake);
    if (moved > 0) {
        world.taken += (uint64_t)moved;
        takes++;
    }
}

static void sleep_side(unsigned side)
{
    /* A side decides by what it saw last; look first, so that the model knows what that is. */
    int64_t seen = weft_ring_look(&world.ends[side]);
    int64_t expected = world.closed[side]                 ? WEFT_CHANNEL_CLOSED
                       : seen != 0 || world.closed[!side] ? 0
                                                          : 1;

    if (weft_ring_sleep(&world.ends[side]) != expected) {
        disagree("sleep");
    }
    if (expected > 0) {
        if (weft_ring_sleep(&world.ends[side]) != 1) {
            disagree("sleep, declared again");
        }
        world.sleeps[side] = true;
        sleeps++;
    }
}

/* The sleep that comes too late: the other side moves between the look and the sleep. */
static void sleep_late(unsigned side)
{
    uint64_t before = weft_ring_available(&world.ends[side]);

    if (before != 0 || world.closed[side] || world.closed[!side]) {
        return;
    }
    uint64_t moved = world.sent + world.taken;
    if (side == WEFT_RING_SENDER) {
        take();
    } else {
        put();
    }
    if (world.sent + world.taken != moved && weft_ring_sleep(&world.ends[side]) != 0) {
        disagree("a side sleeps although there is something to do");
    }
}

static void close_side(unsigned side)
{
    bool wake = weft_ring_close(&world.ends[side]);

    if (wake != (world.sleeps[!side] && !world.closed[side])) {
        disagree("close");
    }
    if (!world.closed[side]) {
        world.sleeps[!side] = false;
    }
    world.closed[side] = true;
    ends++;
}

static void honest_step(void)
{
    unsigned side = (unsigned)random_below(2);

    switch (random_below(8)) {
    case 0:
    case 1:
        put();
        break;
    case 2:
    case 3:
        take();
        break;
    case 4:
    case 5:
        sleep_side(side);
        break;
    case 6:
        sleep_late(side);
        break;
    default:
        if (random_below(100) == 0) {
            close_side(side);
        } else if (random_below(100) == 0) {
            open_ends();
        }
    }
}

/* ---- hostile --------------------------------------------------------------------------------- */

static void disturb(const struct weft_ring *ring)
{
    uint64_t *word = random_below(4) == 0 ? ring->own : ring->other;

    switch (random_below(7)) {
    case 0:
        *word = random_state;
        break;
    case 1:
        *word ^= 1ull << random_below(64);
        break;
    case 2:
        *word = (ring->done - world.capacity + random_below(2 * world.capacity + 1)) << 2;
        break;
    case 3: /* what an honest partner might do */
    case 4:
        *ring->other =
            (*ring->other & ~3ull) + (random_below((uint64_t)weft_ring_available(ring) + 2) << 2);
        break;
    case 5:
        memset(world.shared->messages, (int)random_below(256), world.capacity * world.size);
        break;
    default:
        *ring->other += 4 * random_below(world.capacity + 2);
    }
}

static void check_canary(const unsigned char *bytes, size_t from)
{
    for (size_t i = from; i < (BATCH_MAX + 1) * SIZE_MAX_BYTES; i++) {
        if (bytes[i] != CANARY) {
            disagree("the caller's memory is touched behind the messages");
        }
    }
}

static void hostile_step(void)
{
    static unsigned side;
    unsigned char bytes[(BATCH_MAX + 1) * SIZE_MAX_BYTES];
    struct weft_ring *ring = &world.ends[side];
    bool was_corrupt = ring->error == WEFT_CHANNEL_CORRUPT, wake;
    uint64_t count = random_below(BATCH_MAX + 1);
    int64_t result = 0;

    if (random_below(3) == 0) {
        disturb(ring);
    }
    bool forged = (*ring->own & ~WEFT_RING_SLEEPS) != ring->done << WEFT_RING_FLAG_BITS;
    memset(bytes, CANARY, sizeof(bytes));
    switch (random_below(6)) {
    case 0:
        result = weft_ring_sleep(ring);
        result = result > 0 ? 0 : result;
        break;
    case 1:
        if (random_below(64) == 0) {
            (void)weft_ring_close(ring);
        }
        break;
    default:
        result = side == WEFT_RING_SENDER ? weft_ring_put(ring, bytes, count, &wake)
                                          : weft_ring_take(ring, bytes, count, &wake);
        sends += side == WEFT_RING_SENDER && result > 0;
        takes += side == WEFT_RING_RECEIVER && result > 0;
    }
    if (forged && result > 0) {
        disagree("that somebody else wrote the own word is not noticed");
    }
    if (result > (int64_t)smaller(count, world.capacity) || result < WEFT_CHANNEL_CORRUPT) {
        disagree("a result out of its bounds");
    }
    check_canary(bytes, side == WEFT_RING_SENDER || result < 0 ? count * world.size
                                                               : (uint64_t)result * world.size);
    if (was_corrupt && ring->error != WEFT_CHANNEL_CORRUPT) {
        disagree("a corrupt ring is believed again");
    }
    if (ring->error != 0 && random_below(8) == 0) {
        corrupt += ring->error == WEFT_CHANNEL_CORRUPT;
        open_ends();
        side = (unsigned)random_below(2);
    }
}

int main(int count, char **arguments)
{
    static const struct model_sides sides = {"channel_model_asan", open_ends, honest_step,
                                             hostile_step};
    bool hostile;

    if (!model_run(&sides, count, arguments, &hostile)) {
        return 2;
    }
    free(world.shared);
    if (hostile) {
        printf("sends %lu takes %lu corrupt %lu\n", sends, takes, corrupt);
    } else {
        printf("sends %lu takes %lu partial %lu wakes %lu sleeps %lu refusals %lu ends %lu wraps "
               "%lu\n",
               sends, takes, partial, wakes, sleeps, refusals, ends, wraps);
    }
    return 0;
}
