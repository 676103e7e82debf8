/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients of the disk: their memory, their rings, and who of them waits.
 *
 * A session's memory stays shared with the device until the last of its requests is done, also when its client has
 * gone or has begun another session (SESSION_CLOSING). The rings are believed as little as the client:
 * a broken one closes the session. Never more requests are begun than the ring of results has room for, so
 * a result always has a place.
 */
#include "disk.h"

#include "weft/startup.h"
#include "weft/syscalls.h"

#define RINGS_PLACE (WEFT_FREE_BASE + 0x8000000ull) /* behind what the device's library maps */

#define ANYBODY (~0ull)

struct session sessions[SESSIONS_MAX];
static uint32_t sessions_used; /* all behind these are free: most disks have few clients */

/* ---- beginning and end ------------------------------------------------------------------------------ */

struct session *session_find(uint64_t badge)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i].state == SESSION_OPEN && sessions[i].badge == badge) {
            return &sessions[i];
        }
    }
    return NULL;
}

/* Answers who waits, if somebody does. */
static void answer(struct session *session, status_t status, uint64_t results)
{
    struct weft_message message = {{(uint64_t)status, results}};

    if (session->waiter != 0) {
        (void)weft_ipc_reply_to(session->waiter, &message, NULL); /* or it has gone */
        (void)weft_cap_delete(session->waiter);
        session->waiter = 0;
    }
}

/* Lets the memory go when the device has done with it. */
static void close_if_idle(struct session *session)
{
    if (session->state == SESSION_CLOSING && session->under_way == 0) {
        (void)weft_pci_unshare(&device.pci, session->share);
        (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)session->here, 1);
        (void)weft_cap_delete(session->memory);
        (void)weft_cap_delete(session->lifeline);
        session->state = SESSION_FREE;
    }
}

void session_detach(struct session *session)
{
    answer(session, STATUS_DEAD, 0);
    session->state = SESSION_CLOSING;
    close_if_idle(session);
}

void sessions_bury(void)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct weft_message message = {{0}};
        struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};
        if (sessions[i].state == SESSION_OPEN &&
            weft_ipc_send(sessions[i].lifeline, &message, &ipc) != STATUS_WOULD_BLOCK) {
            session_detach(
                &sessions[i]); /* its client is dead, or revoked it, or receives there after all */
        }
    }
}

/* A free place, SESSIONS_MAX if there is none. */
static uint32_t find_free(void)
{
    uint32_t free = 0;

    while (free < SESSIONS_MAX && sessions[free].state != SESSION_FREE) {
        free++;
    }
    return free;
}

static status_t open_rings(struct session *session)
{
    if (weft_ring_open(&session->requests, session->here, WEFT_BLOCK_DONE_OFFSET, WEFT_BLOCK_DEPTH,
                       sizeof(struct weft_block_request), WEFT_RING_RECEIVER) != 0 ||
        weft_ring_open(&session->done, session->here + WEFT_BLOCK_DONE_OFFSET,
                       WEFT_PAGE_SIZE - WEFT_BLOCK_DONE_OFFSET, WEFT_BLOCK_DEPTH,
                       sizeof(struct weft_block_done), WEFT_RING_SENDER) != 0) {
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

/* Whether the device still has requests of a client that has gone or begun anew (ANYBODY: of any). */
static _Bool is_closing(uint64_t badge)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i].state == SESSION_CLOSING &&
            (sessions[i].badge == badge || badge == ANYBODY)) {
            return 1;
        }
    }
    return 0;
}

/* Lets the disk reach the session's data. Where the bus server was started again and this driver has not noticed yet,
 * it is not the client's fault: the next instance serves it. */
static status_t share(struct session *session, uint64_t pages)
{
    uint32_t id;
    status_t status = weft_pci_share(&device.pci, session->memory, 1, (uint32_t)pages,
                                     session->addresses, &session->share);
    if (status != STATUS_OK && weft_pci_config(&device.pci, 0, sizeof(id), &id) != STATUS_OK) {
        weft_fail("the bus server does not know it any more");
    }
    return status;
}

status_t session_attach(uint64_t badge, uint64_t memory, uint64_t lifeline, uint64_t pages)
{
    struct session *session = session_find(badge);

    if (pages == 0 || pages > WEFT_BLOCK_PAGES) {
        return STATUS_BAD_ARGUMENT;
    }
    if (session != NULL) {
        session_detach(session);
    }
    if (is_closing(badge)) {
        return STATUS_BUSY;
    }
    uint32_t free = find_free();
    if (free == SESSIONS_MAX) {
        sessions_bury();
        free = find_free();
    }
    if (free == SESSIONS_MAX) {
        return is_closing(ANYBODY) ? STATUS_BUSY : STATUS_NO_SLOT;
    }
    session = &sessions[free];
    *session =
        (struct session){.badge = badge, .memory = memory, .lifeline = lifeline, .pages = pages};
    session->here = (uint8_t *)(RINGS_PLACE + free * WEFT_PAGE_SIZE);
    status_t status = weft_memory_map(HANDLE_SELF, memory, (uint64_t)session->here, 0, 1,
                                      RIGHT_READ | RIGHT_WRITE);
    if (status != STATUS_OK) {
        return status;
    }
    status = open_rings(session);
    if (status == STATUS_OK) {
        status = share(session, pages);
    }
    if (status != STATUS_OK) {
        (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)session->here, 1);
        return status;
    }
    session->state = SESSION_OPEN;
    sessions_used = free < sessions_used ? sessions_used : free + 1;
    return STATUS_OK;
}

/* ---- requests and results ------------------------------------------------------------------------- */

uint32_t session_results(struct session *session)
{
    int64_t room = weft_ring_look(&session->done);
    return room < 0 ? 0 : WEFT_BLOCK_DEPTH - (uint32_t)room;
}

_Bool session_ready(struct session *session, uint32_t wanted)
{
    return session_results(session) >= wanted ||
           (session->under_way == 0 && weft_ring_look(&session->requests) <= 0);
}

static void finish(struct session *session, const struct weft_block_done *done)
{
    bool wake;
    if (session->state == SESSION_OPEN && weft_ring_put(&session->done, done, 1, &wake) != 1) {
        session_detach(session); /* its client broke the ring */
    }
}

/* Takes one request. False: there is none, or no room for it. */
static _Bool pump_one(struct session *session)
{
    struct weft_block_request request;
    bool wake;

    if (session->state != SESSION_OPEN || !disk_has_room() ||
        session->under_way + session_results(session) >= WEFT_BLOCK_DEPTH) {
        return 0;
    }
    int64_t taken = weft_ring_take(&session->requests, &request, 1, &wake);
    if (taken < 0 || session->done.error != 0) {
        session_detach(session);
    }
    if (taken <= 0 || session->state != SESSION_OPEN) {
        return 0;
    }
    int64_t problem = disk_check(session, &request);
    if (problem != 0) {
        finish(session, &(struct weft_block_done){request.id, problem});
    } else {
        session->under_way++;
        disk_begin(session, &request);
    }
    return 1;
}

_Bool sessions_are_one(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < sessions_used; i++) {
        count += sessions[i].state != SESSION_FREE;
    }
    return count <= 1;
}

/* One of each in turn, so that nobody keeps the disk from the others. */
void sessions_pump(void)
{
    _Bool more = 1;

    while (more) {
        more = 0;
        for (uint32_t i = 0; i < sessions_used; i++) {
            more |= pump_one(&sessions[i]);
        }
    }
    disk_publish();
}

void sessions_reap(void)
{
    struct session *session;
    struct weft_block_done done;

    while (disk_next_done(&session, &done)) {
        session->under_way--;
        finish(session, &done);
        close_if_idle(session);
    }
    for (uint32_t i = 0; i < sessions_used; i++) {
        if (sessions[i].waiter != 0 && session_ready(&sessions[i], sessions[i].wanted)) {
            answer(&sessions[i], STATUS_OK, session_results(&sessions[i]));
        }
    }
}
