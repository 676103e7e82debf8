/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: the ring (weft/channel_ring.h, which holds the theory of operation) and the system calls
 * for sleeping and waking.
 */
#include "weft/channel.h"
#include "weft/syscalls.h"

int64_t weft_channel_open(struct weft_channel *channel, const struct weft_channel_options *options,
                          enum weft_ring_role role)
{
    *channel = (struct weft_channel){
        .wait = options->wait,
        .signal = options->signal,
        .bits = options->bits != 0 ? options->bits : WEFT_CHANNEL_BIT,
        .polls = options->polls,
    };
    return weft_ring_open(&channel->ring, options->memory, options->bytes, options->capacity,
                          options->message_size, role);
}

static int64_t failed(struct weft_channel *channel, status_t status)
{
    channel->status = status;
    return WEFT_CHANNEL_FAILED;
}

/* Wakes the partner if it sleeps. Returns `result`, or that this failed. */
static int64_t wake_if(struct weft_channel *channel, bool needed, int64_t result)
{
    if (!needed || channel->signal == 0) {
        return result;
    }
    channel->wakes++;
    status_t status = weft_notification_signal(channel->signal, WEFT_CHANNEL_BIT);
    return status == STATUS_OK ? result : failed(channel, status);
}

int64_t weft_channel_try_send(struct weft_channel *channel, const void *messages, uint64_t count)
{
    bool wake;
    int64_t sent = weft_ring_put(&channel->ring, messages, count, &wake);
    return wake_if(channel, wake, sent);
}

int64_t weft_channel_try_receive(struct weft_channel *channel, void *messages, uint64_t count)
{
    bool wake;
    int64_t taken = weft_ring_take(&channel->ring, messages, count, &wake);
    return wake_if(channel, wake, taken);
}

int64_t weft_channel_sleep(struct weft_channel *channel)
{
    return weft_ring_sleep(&channel->ring);
}

/* Looks for a while. 1: there is something to do. */
static int64_t poll(struct weft_channel *channel)
{
    for (uint32_t i = 0; i < channel->polls; i++) {
        int64_t available = weft_ring_look(&channel->ring);
        if (available != 0 || (channel->ring.last & WEFT_RING_CLOSED) != 0) {
            return available < 0 ? available : 1;
        }
        weft_pause();
    }
    return 0;
}

/* Nothing could be moved: returns 0 when it is worth trying again, or an error. */
static int64_t wait(struct weft_channel *channel)
{
    int64_t found = poll(channel);
    if (found != 0) {
        return found < 0 ? found : 0;
    }
    if (channel->wait == 0) {
        weft_pause();
        (void)weft_yield(); /* the partner may be on this CPU */
        return 0;
    }
    int64_t asleep = weft_ring_sleep(&channel->ring);
    if (asleep <= 0) {
        return asleep;
    }
    uint64_t bits;
    channel->sleeps++;
    status_t status = weft_notification_wait(channel->wait, 0, &bits);
    if (status != STATUS_OK) {
        return failed(channel, status);
    }
    channel->others |= bits & ~channel->bits;
    return (bits & ~channel->bits) != 0 ? WEFT_CHANNEL_CANCELLED : 0;
}

int64_t weft_channel_send(struct weft_channel *channel, const void *messages, uint64_t count)
{
    const unsigned char *next = messages;
    uint64_t left = count;
    while (left > 0) {
        int64_t result = weft_channel_try_send(channel, next, left);
        if (result > 0) {
            next += (uint64_t)result * channel->ring.message_size;
            left -= (uint64_t)result;
            continue;
        }
        result = result < 0 ? result : wait(channel);
        if (result < 0) {
            return result;
        }
    }
    return (int64_t)count;
}

int64_t weft_channel_receive(struct weft_channel *channel, void *messages, uint64_t count)
{
    for (;;) {
        int64_t result = weft_channel_try_receive(channel, messages, count);
        if (result != 0) {
            return result;
        }
        result = wait(channel);
        if (result < 0) {
            return result;
        }
    }
}

void weft_channel_close(struct weft_channel *channel)
{
    /* A partner that cannot be told is gone, and nobody is left to be told of that. */
    (void)wake_if(channel, weft_ring_close(&channel->ring), 0);
}
