/* SPDX-License-Identifier: Apache-2.0
 *
 * A virtio-gpu device (virtio 1.2, section 5.7), of which this uses the two-dimensional part: an image in the
 * device that has its pixels from the client's memory, and a screen that shows the image.
 *
 * A command is a chain of two pieces, what is asked and what comes of it, both in one buffer. One command is with
 * the device at a time: the client waits for each, so there would be nothing to gain. The answer of the
 * device is believed as far as it says that it is well, and no further.
 */
#include "gpu.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define QUEUE_SIZE 16
#define INTERRUPT_BIT 1ull
#define PATIENCE                                                                                   \
    20000 /* microseconds after which it is worth a look whether the device still runs */
#define SCREENS 16
#define FORMAT_BGRX 2 /* the bytes of a weft_pixel_t in memory: blue first */
#define ANSWER_OFFSET (WEFT_DISPLAY_PAGES_MAX * sizeof(struct piece) + WEFT_PAGE_SIZE)
#define BUFFER_PAGES (ANSWER_OFFSET / WEFT_PAGE_SIZE + 1)

enum command {
    COMMAND_DISPLAY_INFO = 0x100,
    COMMAND_CREATE,
    COMMAND_REMOVE,
    COMMAND_SET_SCREEN,
    COMMAND_FLUSH,
    COMMAND_TRANSFER,
    COMMAND_BACKING,
};
enum answer { ANSWER_OK = 0x1100, ANSWER_DISPLAY_INFO = 0x1101, ANSWER_NO_MEMORY = 0x1201 };

struct head {
    uint32_t type;
    uint32_t flags;
    uint64_t fence;
    uint32_t context;
    uint32_t unused;
};

struct rectangle {
    uint32_t x, y, width, height;
};

/* A piece of the client's memory. */
struct piece {
    uint64_t address;
    uint32_t bytes;
    uint32_t unused;
};

/* Behind the head of a command lies what belongs to its type. */
struct request {
    struct head head;
    union {
        struct {
            uint32_t resource, format, width, height;
        } create;
        struct {
            uint32_t resource, unused;
        } remove;
        struct {
            struct rectangle area;
            uint32_t screen, resource;
        } set_screen;
        struct {
            struct rectangle area;
            uint32_t resource, unused;
        } flush;
        struct {
            struct rectangle area;
            uint64_t offset;
            uint32_t resource, unused;
        } transfer;
        struct {
            uint32_t resource, count;
        } backing; /* behind it: the pieces */
    };
};
#define REQUEST_BYTES(member) (sizeof(struct head) + sizeof(((struct request *)0)->member))
_Static_assert(REQUEST_BYTES(backing) == 32 && REQUEST_BYTES(transfer) == 56, "as in the standard");

struct answer_screens {
    struct head head;
    struct {
        struct rectangle area;
        uint32_t enabled, flags;
    } screens[SCREENS];
};

struct virtio device = {.place = WEFT_FREE_BASE};

static struct virtio_queue queue;
static struct virtio_memory buffer;
static uint32_t last_resource;

void gpu_open(uint64_t notification)
{
    status_t status = virtio_open(&device, weft_capability("pci"), 0, notification);

    if (status == STATUS_OK) {
        status = virtio_queue_open(&device, &queue, 0, QUEUE_SIZE, 0, INTERRUPT_BIT);
    }
    if (status == STATUS_OK) {
        status = virtio_memory(&device, BUFFER_PAGES, &buffer);
    }
    if (status == STATUS_OK) {
        status = virtio_start(&device);
    }
    if (status != STATUS_OK) {
        weft_fail("%s (status %ld)", device.problem, status);
    }
    virtio_acknowledge(&queue);
}

/* ---- commands --------------------------------------------------------------------------------------- */

static void wait_done(void)
{
    uint16_t head;
    uint32_t length;
    uint64_t bits;

    for (;;) {
        int32_t taken = virtqueue_take(&queue.ring, &head, &length);
        if (taken < 0) {
            weft_fail("the display breaks the rules of its queue");
        }
        if (taken > 0) {
            return;
        }
        if (virtqueue_sleep(&queue.ring)) {
            status_t status =
                weft_notification_wait(device.notification, weft_deadline(PATIENCE), &bits);
            if (status == STATUS_TIMED_OUT ? virtio_failed(&device) : status != STATUS_OK) {
                weft_fail("the display has stopped");
            }
            virtio_acknowledge(&queue);
        }
    }
}

/* An empty request, to be filled in. */
static struct request *prepare(enum command type)
{
    struct request *request = buffer.here;
    memset(request, 0, sizeof(*request));
    request->head.type = (uint32_t)type;
    return request;
}

/* Has the device carry the request out; how it says that this went. */
static enum answer carry_out(uint64_t request_bytes, uint64_t answer_bytes)
{
    struct head *answer = (struct head *)((uint8_t *)buffer.here + ANSWER_OFFSET);
    struct virtqueue_piece pieces[] = {
        {buffer.address, (uint32_t)request_bytes},
        {buffer.address + ANSWER_OFFSET, (uint32_t)answer_bytes},
    };

    memset(answer, 0, sizeof(struct answer_screens));
    if (virtqueue_add(&queue.ring, pieces, 1, 1) < 0) {
        weft_fail("the display's queue has no room");
    }
    virtio_publish(&queue);
    wait_done();
    return (enum answer)answer->type;
}

/* One that cannot fail, as everything in it was accepted before. */
static void must(uint64_t request_bytes, const char *what)
{
    enum answer answer = carry_out(request_bytes, sizeof(struct head));
    if (answer != ANSWER_OK) {
        weft_fail("the display does not %s (answer %x)", what, (unsigned)answer);
    }
}

void gpu_size(uint32_t *width, uint32_t *height)
{
    struct answer_screens *screens =
        (struct answer_screens *)((uint8_t *)buffer.here + ANSWER_OFFSET);

    (void)prepare(COMMAND_DISPLAY_INFO);
    if (carry_out(sizeof(struct head), sizeof(*screens)) != ANSWER_DISPLAY_INFO) {
        weft_fail("the display does not tell its size");
    }
    *width = screens->screens[0].area.width;
    *height = screens->screens[0].area.height;
    uint64_t bytes = (uint64_t)*width * *height * sizeof(weft_pixel_t);
    if (*width == 0 || *height == 0 || *width > WEFT_DISPLAY_SIDE_MAX ||
        *height > WEFT_DISPLAY_SIDE_MAX || bytes > WEFT_DISPLAY_PAGES_MAX * WEFT_PAGE_SIZE) {
        *width = 1024; /* a window without a size as yet, or one that is too large */
        *height = 768;
    }
}

/* ---- frames ------------------------------------------------------------------------------------------ */

static void unshare(struct frame *frame)
{
    while (frame->share_count > 0) {
        (void)weft_pci_unshare(&device.pci, frame->shares[--frame->share_count]);
    }
}

/* Lets the device reach the frame, and tells it the pieces in which that lies: neighbouring pages are one. */
static status_t share(struct frame *frame)
{
    struct request *request = prepare(COMMAND_BACKING);
    struct piece *pieces = (struct piece *)((uint8_t *)request + REQUEST_BYTES(backing));
    uint32_t *count = &request->backing.count;
    uint64_t addresses[WEFT_PCI_SHARE_PAGES];
    uint64_t bytes = (uint64_t)frame->width * frame->height * sizeof(weft_pixel_t);
    uint64_t pages = weft_page_up(bytes) / WEFT_PAGE_SIZE, done = 0;

    request->backing.resource = frame->resource;
    while (done < pages) {
        uint64_t left = pages - done;
        uint32_t turn = (uint32_t)(left < WEFT_PCI_SHARE_PAGES ? left : WEFT_PCI_SHARE_PAGES);
        status_t status = weft_pci_share(&device.pci, frame->memory, done, turn, addresses,
                                         &frame->shares[frame->share_count]);
        if (status != STATUS_OK) {
            return status;
        }
        frame->share_count++;
        for (uint32_t i = 0; i < turn; i++) {
            struct piece *last = &pieces[*count - 1];
            if (*count > 0 && last->address + last->bytes == addresses[i]) {
                last->bytes += WEFT_PAGE_SIZE;
            } else {
                pieces[(*count)++] = (struct piece){addresses[i], WEFT_PAGE_SIZE, 0};
            }
        }
        done += turn;
    }
    must(REQUEST_BYTES(backing) + *count * sizeof(struct piece), "take the frame's memory");
    return STATUS_OK;
}

static status_t create(const struct frame *frame)
{
    struct request *request = prepare(COMMAND_CREATE);

    request->create.resource = frame->resource;
    request->create.format = FORMAT_BGRX;
    request->create.width = frame->width;
    request->create.height = frame->height;
    enum answer answer = carry_out(REQUEST_BYTES(create), sizeof(struct head));
    if (answer == ANSWER_NO_MEMORY) {
        return STATUS_NO_MEMORY;
    }
    return answer == ANSWER_OK ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

static void set_screen(const struct frame *frame)
{
    struct request *request = prepare(COMMAND_SET_SCREEN);

    request->set_screen.area = (struct rectangle){0, 0, frame->width, frame->height};
    request->set_screen.screen = 0;
    request->set_screen.resource = frame->resource;
    must(REQUEST_BYTES(set_screen), "show the frame");
}

status_t gpu_attach(struct frame *frame)
{
    struct weft_rectangle all = {0, 0, frame->width, frame->height};

    frame->resource = ++last_resource;
    status_t status = create(frame);
    if (status != STATUS_OK) {
        frame->resource = 0;
        return status;
    }
    status = share(frame);
    if (status != STATUS_OK) {
        gpu_detach(frame);
        return status;
    }
    gpu_show(frame, &all);
    set_screen(frame);
    return STATUS_OK;
}

void gpu_detach(struct frame *frame)
{
    struct request *request = prepare(COMMAND_REMOVE);

    request->remove.resource = frame->resource;
    must(REQUEST_BYTES(remove), "let an image go");
    unshare(frame);
    frame->resource = 0;
}

void gpu_show(const struct frame *frame, const struct weft_rectangle *changed)
{
    struct rectangle area = {changed->x, changed->y, changed->width, changed->height};
    struct request *request = prepare(COMMAND_TRANSFER);

    request->transfer.area = area;
    request->transfer.offset = ((uint64_t)area.y * frame->width + area.x) * sizeof(weft_pixel_t);
    request->transfer.resource = frame->resource;
    must(REQUEST_BYTES(transfer), "take pixels");
    request = prepare(COMMAND_FLUSH);
    request->flush.area = area;
    request->flush.resource = frame->resource;
    must(REQUEST_BYTES(flush), "show pixels");
}
