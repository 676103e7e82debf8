/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a flight recorder's capture was taken: an instant on a track of its own, from what watch or
 * capture put at the end of the metadata (writer.c).
 */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_TRIGGER 128u

/* What stands behind a key in the metadata, or null. */
static const char *value_of(const char *text, const char *key)
{
    const char *found = strstr(text, key);

    return found ? found + strlen(key) : NULL;
}

static void trigger_write(struct convert *convert, const char *metadata)
{
    const char *name = value_of(metadata, "\"trigger\": \"");
    const char *time = value_of(metadata, "\"trigger_ns\": ");
    struct track_event instant = {.type = TRACK_INSTANT};
    size_t length = name ? strcspn(name, "\"") : 0;

    if (!length || length > NAME_MAX_TRIGGER || !time) {
        return;
    }
    instant.time = strtoull(time, NULL, 10);
    instant.track = capture_track(convert);
    instant.name = intern(convert, INTERN_TRIGGER, 0, "trigger %.*s", (int)length, name);
    track_write(convert, &instant);
}

void trigger_show(struct convert *convert, const struct trace_file *file)
{
    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];

        if (section->kind == CAPTURE_SECTION_METADATA) {
            char *text = memory_new(section->bytes + 1);

            memcpy(text, file->data + section->offset, section->bytes);
            trigger_write(convert, text);
            free(text);
            return;
        }
    }
}
