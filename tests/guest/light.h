/* SPDX-License-Identifier: Apache-2.0
 *
 * Light processes: hundreds a second, for tests that kill them. All share the memory objects that
 * light_prepare() makes of the test's own program once, so that starting one copies nothing:
 *
 *     struct light_image image;
 *     light_prepare(&image, page);                         `page` will be mapped at LIGHT_PAGE
 *     light_create(&image, stack, notification, bits, &process);
 *     ... weft_cap_copy() into it ...
 *     light_run(process, cpu, function, argument);
 *
 * They share the program's variables too, so their functions must not write any; the stack (an object
 * of LIGHT_STACK_PAGES) and the page are all that they have. A stack may be used again when its
 * process has ended. The start-up page is the test's own: capabilities by name mean nothing there.
 */
#pragma once

#include "child.h"

#include "weft/elf.h"

#define LIGHT_PAGE WEFT_FREE_BASE
#define LIGHT_STACK_PAGES 2
#define LIGHT_PAGES 40
#define LIGHT_PARTS_MAX (WEFT_ELF_SEGMENTS_MAX + 2)

struct light_part {
    uint64_t memory;
    uint64_t address;
    uint64_t pages;
    unsigned access;
};

struct light_image {
    struct light_part parts[LIGHT_PARTS_MAX];
    unsigned count;
};

typedef void light_function(uint64_t argument);

static unused_function status_t light_add(struct light_image *image, uint64_t address,
                                          uint64_t size, unsigned access, const uint8_t *bytes,
                                          uint64_t length)
{
    struct light_part *part = &image->parts[image->count++];
    uint64_t offset = address % WEFT_PAGE_SIZE;
    *part = (struct light_part){.address = address - offset,
                                .pages = weft_page_up(offset + size) / WEFT_PAGE_SIZE,
                                .access = access};
    status_t status = weft_memory_create(part->pages, &part->memory);
    while (length > 0 && status == STATUS_OK) {
        uint64_t piece = length < MEMORY_COPY_MAX ? length : MEMORY_COPY_MAX;
        status = weft_memory_write(part->memory, offset, (uint64_t)bytes, piece);
        offset += piece;
        bytes += piece;
        length -= piece;
    }
    return status;
}

/* False where the memory does not suffice, or the program is not in the boot image. */
static unused_function _Bool light_prepare(struct light_image *image, uint64_t page)
{
    struct weft_archive_file file;
    struct weft_elf elf;
    image->count = 0;
    if (weft_archive_find(child_archive(), PROGRAM, &file) != NULL ||
        weft_elf_read(file.bytes, file.size, &elf) != NULL) {
        return 0;
    }
    for (unsigned i = 0; i < elf.segment_count; i++) {
        const struct weft_segment *segment = &elf.segments[i];
        if (light_add(image, segment->address, segment->memory_size, segment->access,
                      file.bytes + segment->file_offset, segment->file_size) != STATUS_OK) {
            return 0;
        }
    }
    image->parts[image->count++] =
        (struct light_part){page, LIGHT_PAGE, 1, RIGHT_READ | RIGHT_WRITE};
    return light_add(image, STARTUP_ADDRESS, sizeof(struct weft_startup), RIGHT_READ,
                     (const uint8_t *)weft_startup(), sizeof(struct weft_startup)) == STATUS_OK;
}

/* Afterwards nothing is left of it if this fails. */
static unused_function status_t light_create(const struct light_image *image, uint64_t stack,
                                             uint64_t notification, uint64_t bits,
                                             uint64_t *process)
{
    struct weft_name name = weft_name_pack("light");
    status_t status = weft_process_create(LIGHT_PAGES, name.words[0], name.words[1], notification,
                                          bits, 0, process);
    if (status != STATUS_OK) {
        return status;
    }
    for (unsigned i = 0; i < image->count && status == STATUS_OK; i++) {
        const struct light_part *part = &image->parts[i];
        status =
            weft_memory_map(*process, part->memory, part->address, 0, part->pages, part->access);
    }
    if (status == STATUS_OK) {
        status = weft_memory_map(*process, stack,
                                 WEFT_MAIN_STACK_TOP - LIGHT_STACK_PAGES * WEFT_PAGE_SIZE, 0,
                                 LIGHT_STACK_PAGES, RIGHT_READ | RIGHT_WRITE);
    }
    if (status != STATUS_OK) {
        (void)weft_cap_delete(*process);
    }
    return status;
}

/* `function` must not return. The stack is as a call would have left it. */
static unused_function status_t light_run(uint64_t process, uint32_t cpu, light_function *function,
                                          uint64_t argument)
{
    uint64_t id;
    return weft_thread_create(process, cpu | (uint64_t)WEFT_PRIORITY_DEFAULT << 16 | THREAD_UNNAMED,
                              (uint64_t)function, WEFT_MAIN_STACK_TOP - 8, argument, &id);
}
