/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients have open, in the memory that init keeps for this service. It is all that an instance leaves
 * to the next: what was answered is on the disk, and positions are the clients' own.
 *
 * A handle is a path. An entry has room for two, and `used` says which one counts, or with 0 that the entry does not:
 * one store of it is each change. A rename changes paths of several entries: what it is stands in `rename` before
 * it is carried out, and who finds it there looks at the disk whether it was. Entries that make no sense, which a faulty
 * instance may have left, are dropped.
 */
#include "fs.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/string.h"

#define HANDLES 64u
#define MARK 0x77656674666c6501ull /* the state is one of this layout */

struct state {
    uint64_t mark;
    uint64_t turns;
    struct {
        uint64_t used;
        char from[WEFT_FILE_PATH_MAX];
        char to[WEFT_FILE_PATH_MAX];
    } rename;
    struct handle handles[HANDLES];
};

static struct state *state;

uint64_t handles_bytes(void)
{
    return sizeof(struct state);
}

static _Bool makes_sense(const struct handle *handle)
{
    /* [fs.handle] acquire: what an instance before this one wrote. Pairs with its release. */
    if (weft_load64_acquire(&handle->used) == 0) {
        return 0;
    }
    return (handle->used == 1 || handle->used == 2) && handle_path(handle)[0] == '/' &&
           strnlen(handle_path(handle), WEFT_FILE_PATH_MAX) < WEFT_FILE_PATH_MAX;
}

/* What was begun by an instance that died: was it done? */
static void repair_rename(void)
{
    uint64_t kind, size;

    state->rename.from[WEFT_FILE_PATH_MAX - 1] = '\0';
    state->rename.to[WEFT_FILE_PATH_MAX - 1] = '\0';
    handles_rename_end(files_stat(state->rename.from, &kind, &size) == WEFT_FILE_NOT_FOUND &&
                       files_stat(state->rename.to, &kind, &size) == WEFT_FILE_OK);
}

void handles_open(void *memory, uint64_t bytes)
{
    state = memory;
    if (state->mark != MARK) {
        memset(memory, 0, bytes);
        state->mark = MARK;
    }
    for (uint32_t i = 0; i < HANDLES; i++) {
        if (!makes_sense(&state->handles[i])) {
            state->handles[i].used = 0;
        }
    }
    /* [fs.rename] acquire: the names are those of the instance before. Pairs with its release. */
    if (weft_load64_acquire(&state->rename.used) != 0) {
        repair_rename();
    }
}

/* Numbers are never 0, and those of a place differ from time to time. */
static uint64_t number_of(const struct handle *handle)
{
    return (uint64_t)handle->generation << 32 | (uint64_t)(handle - state->handles + 1);
}

struct handle *handle_find(uint64_t badge, uint64_t number)
{
    uint64_t place = (number & 0xffffffffu) - 1;
    struct handle *handle = place < HANDLES ? &state->handles[place] : NULL;

    if (handle == NULL || handle->used == 0 || handle->badge != badge ||
        number_of(handle) != number) {
        return NULL;
    }
    handle->turn = ++state->turns;
    return handle;
}

static struct handle *find_cookie(uint64_t badge, uint64_t cookie)
{
    for (uint32_t i = 0; i < HANDLES; i++) {
        struct handle *handle = &state->handles[i];
        if (handle->used != 0 && handle->badge == badge && handle->cookie == cookie) {
            return handle;
        }
    }
    return NULL;
}

/* For a new one: a free entry, or that of a client who is not there and asked longest ago. */
static struct handle *find_place(void)
{
    struct handle *oldest = NULL;

    for (uint32_t i = 0; i < HANDLES; i++) {
        struct handle *handle = &state->handles[i];
        if (handle->used == 0) {
            return handle;
        }
        if (!session_there(handle->badge) && (oldest == NULL || handle->turn < oldest->turn)) {
            oldest = handle;
        }
    }
    return oldest;
}

uint64_t handle_make(uint64_t badge, uint64_t cookie, uint32_t flags, const char *path,
                     _Bool *again)
{
    struct handle *handle = find_cookie(badge, cookie);

    *again = handle != NULL;
    if (handle == NULL && (handle = find_place()) == NULL) {
        return 0;
    }
    if (!*again) {
        handle->used = 0;
        handle->badge = badge;
        handle->cookie = cookie;
        handle->turn = ++state->turns;
        handle->generation++;
        handle->flags = flags;
        (void)weft_string_copy(handle->paths[0], path, WEFT_FILE_PATH_MAX);
        /* [fs.handle] release: the entry is complete before it counts. Pairs with the next instance. */
        weft_store64_release(&handle->used, 1);
    }
    return number_of(handle);
}

void handle_close(struct handle *handle)
{
    handle->used = 0;
}

void handles_forget(uint64_t badge)
{
    for (uint32_t i = 0; i < HANDLES; i++) {
        if (state->handles[i].badge == badge) {
            state->handles[i].used = 0;
        }
    }
}

/* ---- renaming ------------------------------------------------------------------------------------- */

void handles_rename_begin(const char *from, const char *to)
{
    (void)weft_string_copy(state->rename.from, from, WEFT_FILE_PATH_MAX);
    (void)weft_string_copy(state->rename.to, to, WEFT_FILE_PATH_MAX);
    /* [fs.rename] release: both names are there. Pairs with the next instance. */
    weft_store64_release(&state->rename.used, 1);
}

/* What is open at `from` or below is at `to` from now on. A path that this makes too long is of no use any more. To do it
 * twice changes nothing: nobody opens anything in between. */
static void move(struct handle *handle, const char *from, const char *to)
{
    const char *old = handle_path(handle);
    char *fresh = handle->paths[handle->used == 1 ? 1 : 0];
    size_t length = strlen(from), longer = strlen(to);

    if (strncmp(old, from, length) != 0 || (old[length] != '\0' && old[length] != '/')) {
        return;
    }
    size_t rest = strlen(old + length) + 1;
    if (longer + rest > WEFT_FILE_PATH_MAX) {
        handle->used = 0;
        return;
    }
    memcpy(fresh, to, longer);
    memcpy(fresh + longer, old + length, rest);
    /* [fs.handle] release: the other path is there before it counts. Pairs with the next instance. */
    weft_store64_release(&handle->used, handle->used == 1 ? 2 : 1);
}

void handles_rename_end(_Bool done)
{
    for (uint32_t i = 0; done && i < HANDLES; i++) {
        if (state->handles[i].used != 0) {
            move(&state->handles[i], state->rename.from, state->rename.to);
        }
    }
    /* [fs.rename] release: all that is open has moved. Pairs with the next instance. */
    weft_store64_release(&state->rename.used, 0);
}
