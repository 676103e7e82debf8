/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients: the memory of each, which socket is in which window, and how this server learns of a client's death.
 *
 * A client attaches with its lifeline, an endpoint on which it never receives. A thread here calls it, and the
 * kernel ends that call when the client has died. The thread then says so to the main thread, which closes all
 * that the client had. A client that attaches again ends its session before: the badge is the session.
 */
#include "server.h"

#include "weft/atomic.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define SESSION_BYTES (WEFT_NET_SOCKETS * WEFT_WINDOW_PAGES * WEFT_PAGE_SIZE)

struct session {
    _Bool open;
    uint64_t badge;
    uint64_t memory;
    uint8_t *here;
    uint32_t windows;
    struct socket *sockets[WEFT_NET_SOCKETS]; /* by window */
};

/* Threads that wait for a client's death. One lives on for a client that has attached again, until that dies. */
struct watcher {
    uint64_t lifeline; /* 0: free. Set by the main thread, which also clears it */
    uint32_t dead;     /* (A) set by the thread, as the last that it does here */
    uint64_t badge;
    struct session *session; /* NULL: it has ended otherwise */
};

#define OF_ONE 3u /* watchers of one client */
#define WATCHERS_MAX (OF_ONE * SESSIONS_MAX)

static struct session sessions[SESSIONS_MAX];
static struct watcher watchers[WATCHERS_MAX];
static uint64_t notification;

void sessions_open(uint64_t the_notification)
{
    notification = the_notification;
}

struct session *session_find(uint64_t badge)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i].open && sessions[i].badge == badge) {
            return &sessions[i];
        }
    }
    return NULL;
}

static void end(struct session *session)
{
    for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state != SOCKET_FREE && sockets[i].session == session) {
            socket_end(&sockets[i], 1);
        }
    }
    waiter_result(&info_waiters[session - sessions], STATUS_DEAD);
    (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)session->here,
                            session->windows * WEFT_WINDOW_PAGES);
    (void)weft_cap_delete(session->memory);
    *session = (struct session){0};
}

/* ---- death ------------------------------------------------------------------------------------------ */

static void watch(void *argument)
{
    struct watcher *watcher = argument;
    struct weft_message message = {{0}};

    (void)weft_ipc_call(watcher->lifeline, &message);
    /* [net.dead] release: the thread does not touch its place any more. Pairs with [net.bury]. */
    weft_store_release(&watcher->dead, 1);
    (void)weft_notification_signal(notification, BIT_CLIENT);
}

static status_t watcher_start(struct session *session, uint64_t lifeline)
{
    uint32_t of_it = 0;

    for (uint32_t i = 0; i < WATCHERS_MAX; i++) {
        of_it += watchers[i].lifeline != 0 && watchers[i].badge == session->badge;
    }
    if (of_it == OF_ONE) {
        return STATUS_BUSY; /* it attaches again and again, and lives */
    }
    for (uint32_t i = 0; i < WATCHERS_MAX; i++) {
        struct watcher *watcher = &watchers[i];
        if (watcher->lifeline == 0) {
            *watcher =
                (struct watcher){.lifeline = lifeline, .badge = session->badge, .session = session};
            status_t status = weft_thread_start(NULL, "lifeline", weft_startup()->cpu,
                                                WEFT_PRIORITY_DEFAULT, watch, watcher);
            watcher->lifeline = status == STATUS_OK ? lifeline : 0;
            return status;
        }
    }
    return STATUS_NO_SLOT;
}

void sessions_bury(void)
{
    for (uint32_t i = 0; i < WATCHERS_MAX; i++) {
        struct watcher *watcher = &watchers[i];
        /* [net.bury] acquire: the place is this thread's again. Pairs with [net.dead]. */
        if (watcher->lifeline != 0 && weft_load_acquire(&watcher->dead) != 0) {
            (void)weft_cap_delete(watcher->lifeline);
            if (watcher->session != NULL) {
                end(watcher->session);
            }
            *watcher = (struct watcher){0};
        }
    }
}

/* ---- beginning ---------------------------------------------------------------------------------------- */

/* What watches a session that ends otherwise goes on for nobody. */
static void forget(const struct session *session)
{
    for (uint32_t i = 0; i < WATCHERS_MAX; i++) {
        if (watchers[i].session == session) {
            watchers[i].session = NULL;
        }
    }
}

status_t session_attach(uint64_t badge, uint64_t memory, uint64_t lifeline, uint64_t windows)
{
    struct session *session = session_find(badge);
    uint32_t place = 0;

    if (windows == 0 || windows > WEFT_NET_SOCKETS) {
        return STATUS_BAD_ARGUMENT;
    }
    if (session != NULL) {
        forget(session);
        end(session);
    }
    while (place < SESSIONS_MAX && sessions[place].open) {
        place++;
    }
    if (place == SESSIONS_MAX) {
        return STATUS_NO_SLOT;
    }
    session = &sessions[place];
    *session = (struct session){.badge = badge,
                                .memory = memory,
                                .here = (uint8_t *)(WEFT_FREE_BASE + place * SESSION_BYTES),
                                .windows = (uint32_t)windows};
    status_t status = weft_memory_map(HANDLE_SELF, memory, (uint64_t)session->here, 0,
                                      windows * WEFT_WINDOW_PAGES, RIGHT_READ | RIGHT_WRITE);
    if (status != STATUS_OK) {
        return status;
    }
    status = watcher_start(session, lifeline);
    if (status != STATUS_OK) {
        (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)session->here, windows * WEFT_WINDOW_PAGES);
        return status;
    }
    session->open = 1;
    return STATUS_OK;
}

/* ---- windows ------------------------------------------------------------------------------------------ */

uint32_t session_number(const struct session *session)
{
    return (uint32_t)(session - sessions);
}

struct weft_window *session_take_window(struct session *session, uint32_t number,
                                        struct socket *socket)
{
    if (number >= session->windows || session->sockets[number] != NULL) {
        return NULL;
    }
    session->sockets[number] = socket;
    return (struct weft_window *)(session->here + number * WEFT_WINDOW_PAGES * WEFT_PAGE_SIZE);
}

void session_leave_window(struct session *session, uint32_t number)
{
    session->sockets[number] = NULL;
}

struct socket *session_socket(struct session *session, uint32_t window)
{
    return window < session->windows ? session->sockets[window] : NULL;
}
