/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients' memory. A session is nothing but a mapping: it can be taken away whenever its place is needed, and its client
 * makes it anew without noticing (weft/file.h). So the dead need no care.
 */
#include "fs.h"

#include "weft/layout.h"
#include "weft/syscalls.h"

#define SESSIONS 12u
#define PLACE (WEFT_FREE_BASE + 0x4000000ull) /* behind the disk's */
#define PLACE_BYTES (WEFT_FILES_PAGES * WEFT_PAGE_SIZE)

struct session {
    uint64_t memory; /* 0: free */
    uint64_t badge;
    uint64_t pages;
    uint64_t turn; /* of its last use */
};

static struct session sessions[SESSIONS];
static uint64_t turns;

static uint64_t place_of(const struct session *session)
{
    return PLACE + (uint64_t)(session - sessions) * PLACE_BYTES;
}

static struct session *find(uint64_t badge)
{
    for (uint32_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].memory != 0 && sessions[i].badge == badge) {
            return &sessions[i];
        }
    }
    return NULL;
}

static void end(struct session *session)
{
    (void)weft_memory_unmap(HANDLE_SELF, place_of(session), session->pages);
    (void)weft_cap_delete(session->memory);
    *session = (struct session){0};
}

void session_detach(uint64_t badge)
{
    struct session *session = find(badge);
    if (session != NULL) {
        end(session);
    }
}

_Bool session_there(uint64_t badge)
{
    return find(badge) != NULL;
}

int64_t session_attach(uint64_t badge, uint64_t memory, uint64_t pages)
{
    if (pages == 0 || pages > WEFT_FILES_PAGES) {
        return WEFT_FILE_BAD;
    }
    session_detach(badge);
    struct session *session = &sessions[0];
    for (uint32_t i = 1; i < SESSIONS; i++) { /* a free one has turn 0 */
        session = sessions[i].turn < session->turn ? &sessions[i] : session;
    }
    if (session->memory != 0) {
        end(session);
    }
    if (weft_memory_map(HANDLE_SELF, memory, place_of(session), 0, pages,
                        RIGHT_READ | RIGHT_WRITE) != STATUS_OK) {
        return WEFT_FILE_BAD;
    }
    *session = (struct session){.memory = memory, .badge = badge, .pages = pages, .turn = ++turns};
    return WEFT_FILE_OK;
}

void *session_data(uint64_t badge, uint64_t offset, uint64_t bytes, int64_t *result)
{
    struct session *session = find(badge);
    if (session == NULL) {
        *result = WEFT_FILE_NO_SESSION;
        return NULL;
    }
    session->turn = ++turns;
    uint64_t size = session->pages * WEFT_PAGE_SIZE;
    if (offset > size || bytes > size - offset) {
        *result = WEFT_FILE_BAD;
        return NULL;
    }
    return (void *)(place_of(session) + offset);
}
