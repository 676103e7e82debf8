/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of a disk; the header is the manual.
 */
#include "weft/block.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define BUSY_TIME 100u /* microseconds until it is asked again */

/* Calls the server, however long it takes: where there is a limit to patience, in pieces, each of which asks anew. */
static status_t call(const struct weft_block *block, struct weft_message *message,
                     const struct weft_ipc *how)
{
    const struct weft_message request = *message;
    status_t status;

    for (;;) {
        struct weft_ipc ipc = how != NULL ? *how : (struct weft_ipc){0};
        ipc.deadline = block->patience != 0 ? weft_cycles() + block->patience : 0;
        *message = request;
        status = weft_ipc_call_with(block->service, message, &ipc);
        if (status != STATUS_TIMED_OUT) {
            return status;
        }
        block->waiting();
    }
}

static status_t ask(const struct weft_block *block, struct weft_message *message,
                    const struct weft_ipc *ipc)
{
    status_t status = call(block, message, ipc);
    return status < 0 ? status : (status_t)message->words[0];
}

/* ---- the session ---------------------------------------------------------------------------------- */

/* Empty rings, and a server that knows them. No instance of it uses them any more when this is called. */
static status_t attach(struct weft_block *block)
{
    struct weft_message info = {{WEFT_BLOCK_INFO}};
    struct weft_message message = {{WEFT_BLOCK_ATTACH, block->data_pages}};
    struct weft_ipc ipc = {.send_count = 2,
                           .send_handles = {(uint32_t)block->memory, (uint32_t)block->lifeline},
                           .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, RIGHT_WRITE}};

    memset(block->here, 0, WEFT_PAGE_SIZE);
    if (weft_ring_open(&block->requests, block->here, WEFT_BLOCK_DONE_OFFSET, WEFT_BLOCK_DEPTH,
                       sizeof(struct weft_block_request), WEFT_RING_SENDER) != 0 ||
        weft_ring_open(&block->done, block->here + WEFT_BLOCK_DONE_OFFSET,
                       WEFT_PAGE_SIZE - WEFT_BLOCK_DONE_OFFSET, WEFT_BLOCK_DEPTH,
                       sizeof(struct weft_block_done), WEFT_RING_RECEIVER) != 0) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status = ask(block, &info, NULL);
    if (status == STATUS_OK) {
        block->info = (struct weft_block_info){.sectors = info.words[1],
                                               .flags = (uint32_t)info.words[2],
                                               .unit = (uint32_t)info.words[3]};
        status = ask(block, &message, &ipc);
    }
    return status;
}

/* Attaching can meet a server that dies just then. Asks on while there are others. And it can meet requests of who
 * had the badge before, an instance of this client that died: these are waited for, however long the disk takes. */
static status_t attach_to_any(struct weft_block *block)
{
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_BLOCK_ATTEMPTS && status == STATUS_DEAD; turn++) {
        while ((status = attach(block)) == STATUS_BUSY) {
            weft_sleep_for(BUSY_TIME);
            if (block->patience != 0) {
                block->waiting();
            }
        }
    }
    return status;
}

status_t weft_block_open(struct weft_block *block, uint64_t service, uint64_t place,
                         uint64_t data_pages)
{
    *block = (struct weft_block){
        .service = service, .here = (uint8_t *)place, .data_pages = data_pages, .next_id = 1};
    if (data_pages == 0 || data_pages > WEFT_BLOCK_PAGES) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status = weft_memory_create(MEMORY_CONTIGUOUS | (data_pages + 1), &block->memory);
    if (status == STATUS_NO_MEMORY) {
        status = weft_memory_create(data_pages + 1, &block->memory);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = weft_endpoint_create(weft_startup()->cpu, &block->lifeline);
    if (status == STATUS_OK) {
        status = weft_memory_map(HANDLE_SELF, block->memory, place, 0, data_pages + 1,
                                 RIGHT_READ | RIGHT_WRITE);
    }
    if (status != STATUS_OK) {
        (void)weft_cap_delete(block->lifeline);
        (void)weft_cap_delete(block->memory);
        return status;
    }
    status = attach_to_any(block);
    if (status != STATUS_OK) {
        weft_block_close(block);
    }
    return status;
}

void weft_block_close(struct weft_block *block)
{
    struct weft_message message = {{WEFT_BLOCK_DETACH}};
    (void)ask(block, &message, NULL); /* a server that is gone has nothing to let go */
    (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)block->here, block->data_pages + 1);
    (void)weft_cap_delete(block->memory);
    (void)weft_cap_delete(block->lifeline);
}

/* ---- requests --------------------------------------------------------------------------------------- */

/* Into the ring, which has room for all that can be under way. */
static void put(struct weft_block *block, const struct weft_block_request *request)
{
    bool wake;
    (void)weft_ring_put(&block->requests, request, 1,
                        &wake); /* a server that broke it is noticed at the take */
}

uint64_t weft_block_submit(struct weft_block *block, enum weft_block_operation operation,
                           uint64_t sector, uint64_t offset, uint32_t bytes)
{
    if (block->under_way == WEFT_BLOCK_DEPTH) {
        return 0;
    }
    while (block->list[block->next_id % WEFT_BLOCK_DEPTH].id != 0) {
        block->next_id++; /* its place is still taken by a slow one */
    }
    struct weft_block_request *request = &block->list[block->next_id % WEFT_BLOCK_DEPTH];
    *request = (struct weft_block_request){.id = block->next_id++,
                                           .operation = (uint32_t)operation,
                                           .bytes = bytes,
                                           .sector = sector,
                                           .offset = offset};
    block->under_way++;
    put(block, request);
    return request->id;
}

status_t weft_block_wait(struct weft_block *block, uint32_t wanted)
{
    struct weft_message message = {{WEFT_BLOCK_ENTER, wanted}};
    status_t status = call(block, &message, NULL);
    if (status == STATUS_OK && (status_t)message.words[0] != STATUS_OK) {
        return STATUS_DEAD; /* another instance, which does not know the session */
    }
    return status;
}

int weft_block_take(struct weft_block *block, struct weft_block_done *done)
{
    bool wake;
    int64_t taken = weft_ring_take(&block->done, done, 1, &wake);
    if (taken <= 0) {
        return taken == 0 ? 0 : -1;
    }
    struct weft_block_request *request = &block->list[done->id % WEFT_BLOCK_DEPTH];
    if (done->id == 0 || request->id != done->id) {
        return -1;
    }
    request->id = 0;
    block->under_way--;
    return 1;
}

status_t weft_block_recover(struct weft_block *block)
{
    status_t status = attach_to_any(block);
    if (status != STATUS_OK) {
        return status;
    }
    block->recoveries++;
    for (unsigned i = 0; i < WEFT_BLOCK_DEPTH; i++) {
        if (block->list[i].id != 0) {
            put(block, &block->list[i]);
        }
    }
    return STATUS_OK;
}

int64_t weft_block_do(struct weft_block *block, enum weft_block_operation operation,
                      uint64_t sector, uint64_t offset, uint32_t bytes)
{
    struct weft_block_done done;
    uint64_t id = weft_block_submit(block, operation, sector, offset, bytes);
    for (;;) {
        status_t status = weft_block_wait(block, 1);
        int taken =
            weft_block_take(block, &done); /* also of a server that died after it was done */
        if (taken > 0 && done.id == id) {
            return done.result;
        }
        if (status == STATUS_OK && taken == 0) {
            continue;
        }
        if (weft_block_recover(block) != STATUS_OK) {
            block->list[id % WEFT_BLOCK_DEPTH].id = 0;
            block->under_way--;
            return WEFT_BLOCK_LOST;
        }
    }
}
