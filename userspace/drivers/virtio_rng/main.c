/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a virtio-rng device (virtio 1.2, section 5.4) and server of its bytes (weft/entropy.h).
 *
 * It is given
 *
 *     pci        the bus, with the badge of the device (0x1af41044)
 *     entropy    its endpoint, right read, on the CPU where it runs
 *
 * One request at a time: the bytes are asked of the device when they are asked of the driver, given to that
 * one caller, and wiped. So nothing is kept that could be given twice, not even to the next instance.
 */
#include "weft/entropy.h"
#include "weft/print.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"
#include "weft/virtio.h"

#define QUEUE_SIZE 8
#define INTERRUPT_BIT 1ull
#define PATIENCE                                                                                   \
    20000 /* microseconds after which it is worth a look whether the device still runs */

static struct virtio device = {.place = WEFT_FREE_BASE};
static struct virtio_queue queue;
static struct virtio_memory buffer;

static void open_device(void)
{
    uint64_t notification;
    status_t status = weft_notification_create(weft_startup()->cpu, &notification);

    if (status == STATUS_OK) {
        status = virtio_open(&device, weft_capability("pci"), 0, notification);
    }
    if (status == STATUS_OK) {
        status = virtio_queue_open(&device, &queue, 0, QUEUE_SIZE, 0, INTERRUPT_BIT);
    }
    if (status == STATUS_OK) {
        status = virtio_memory(&device, 1, &buffer);
    }
    if (status == STATUS_OK) {
        status = virtio_start(&device);
    }
    if (status != STATUS_OK) {
        weft_fail("%s (status %ld)", device.problem != NULL ? device.problem : "no notification",
                  status);
    }
    virtio_acknowledge(&queue);
}

/* Waits until the device has done a chain; how many bytes it wrote. */
static uint32_t wait_done(void)
{
    uint16_t head;
    uint32_t length;
    uint64_t bits;

    for (;;) {
        int32_t taken = virtqueue_take(&queue.ring, &head, &length);
        if (taken < 0) {
            weft_fail("the device breaks the rules of its queue");
        }
        if (taken > 0) {
            return length;
        }
        if (virtqueue_sleep(&queue.ring)) {
            status_t status =
                weft_notification_wait(device.notification, weft_deadline(PATIENCE), &bits);
            if (status == STATUS_TIMED_OUT ? virtio_failed(&device) : status != STATUS_OK) {
                weft_fail("the device has stopped");
            }
            virtio_acknowledge(&queue);
        }
    }
}

/* As many bytes as the device gives at once, up to `wanted`. */
static uint32_t fill(uint32_t wanted)
{
    struct virtqueue_piece piece = {buffer.address, wanted};

    if (virtqueue_add(&queue.ring, &piece, 0, 1) < 0) {
        weft_fail("the queue has no room");
    }
    virtio_publish(&queue);
    uint32_t length = wait_done();
    if (length == 0 || length > wanted) {
        weft_fail("the device says that it wrote %u of %u bytes", length, wanted);
    }
    return length;
}

static struct weft_service service;

int main(void)
{
    uint64_t endpoint = weft_capability("entropy"), badge;
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {0};
    _Bool answers = 0;

    weft_service_join(&service);
    open_device();
    for (;;) {
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        if (came == STATUS_TIMED_OUT) {
            answers = 0;
            continue;
        }
        answers = 1;
        if (came < 0) {
            weft_fail("the endpoint entropy cannot be received from (status %ld)", came);
        }
        memset(buffer.here, 0, WEFT_ENTROPY_MAX);
        uint64_t wanted = message.words[0];
        if (wanted == 0 || wanted > WEFT_ENTROPY_MAX) {
            message = (struct weft_message){{(uint64_t)STATUS_BAD_ARGUMENT}};
            ipc.send_bytes = 0;
            continue;
        }
        ipc.send_address = (uint64_t)buffer.here;
        ipc.send_bytes = fill((uint32_t)wanted);
        message = (struct weft_message){{STATUS_OK}};
    }
}
