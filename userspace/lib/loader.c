/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs. The steps, each of which may fail and leaves nothing behind then:
 *
 *     read the ELF file in the archive
 *     create the process, which takes its quota from the caller's
 *     per segment: a memory object, filled from the file, mapped with the segment's access
 *     the stack: a memory object; the page below it stays unmapped
 *     the capabilities, whose handles go into
 *     the start-up page
 *     the first thread, last: from then on the process runs
 *
 * Memory objects live on in their mappings; the caller's handles to them are deleted at once, so
 * that starting a program costs one slot for the process and nothing else.
 */
#include "weft/loader.h"
#include "weft/elf.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

static struct weft_startup page; /* the start-up page under construction */

/* Copies any number of bytes into a memory object. */
static status_t fill(uint64_t memory, uint64_t offset, const uint8_t *bytes, uint64_t length)
{
    while (length > 0) {
        uint64_t piece = length < MEMORY_COPY_MAX ? length : MEMORY_COPY_MAX;
        status_t status = weft_memory_write(memory, offset, (uint64_t)bytes, piece);
        if (status != STATUS_OK) {
            return status;
        }
        offset += piece;
        bytes += piece;
        length -= piece;
    }
    return STATUS_OK;
}

/* Makes memory with this content (from `offset` in its first page on) and maps it into `process`. `part`
 * (may be NULL) keeps the handle. */
static status_t place_part(uint64_t process, uint64_t address, uint64_t size, unsigned access,
                           const uint8_t *content, uint64_t content_size, struct weft_part *part)
{
    uint64_t start = weft_page_down(address);
    uint64_t pages = (weft_page_up(address + size) - start) / WEFT_PAGE_SIZE;
    uint64_t memory;
    status_t status = weft_memory_create(pages, &memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = fill(memory, address - start, content, content_size);
    if (status == STATUS_OK) {
        status = weft_memory_map(process, memory, start, 0, pages, access);
    }
    if (part != NULL && status == STATUS_OK) {
        *part = (struct weft_part){memory, start, pages};
    } else {
        (void)weft_cap_delete(memory);
    }
    return status;
}

static status_t place(uint64_t process, uint64_t address, uint64_t size, unsigned access,
                      const uint8_t *content, uint64_t content_size)
{
    return place_part(process, address, size, access, content, content_size, NULL);
}

/* Which part of the child a segment is, if that is to be kept and has not been met yet. */
static struct weft_part *part_of(struct weft_child *child, unsigned access)
{
    struct weft_part *part = (access & RIGHT_EXECUTE) != 0 ? &child->code
                             : (access & RIGHT_WRITE) != 0 ? &child->data
                                                           : NULL;
    return part != NULL && part->memory == 0 ? part : NULL;
}

static status_t place_segments(uint64_t process, const struct weft_elf *elf,
                               const struct weft_archive_file *file, struct weft_child *opened)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct weft_segment *segment = &elf->segments[i];
        struct weft_part *part = opened != NULL ? part_of(opened, segment->access) : NULL;
        status_t status =
            place_part(process, segment->address, segment->memory_size, segment->access,
                       file->bytes + segment->file_offset, segment->file_size, part);
        if (status != STATUS_OK) {
            return status;
        }
    }
    uint64_t stack_size = WEFT_MAIN_STACK_PAGES * WEFT_PAGE_SIZE;
    return place(process, WEFT_MAIN_STACK_TOP - stack_size, stack_size, RIGHT_READ | RIGHT_WRITE,
                 NULL, 0);
}

static void note_capability(const char *name, uint64_t handle, uint32_t rights)
{
    struct weft_startup_capability *entry = &page.capabilities[page.capability_count++];
    (void)weft_string_copy(entry->name, name, sizeof(entry->name));
    entry->handle = (uint32_t)handle;
    entry->rights = rights;
}

static status_t grant(uint64_t process, const struct weft_spawn *spawn)
{
    note_capability("self", HANDLE_SELF,
                    RIGHT_READ | RIGHT_MANAGE); /* the kernel gave it already */
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        const struct weft_grant *given = &spawn->grants[i];
        uint64_t handle;
        status_t status =
            weft_cap_copy(process, given->handle, given->rights, given->badge, &handle);
        if (status != STATUS_OK) {
            return status;
        }
        note_capability(given->name, handle, given->rights);
        if (strcmp(given->name, "cpus") == 0) {
            page.cpus = (uint32_t)handle;
        }
        if (strcmp(given->name, "initrd") == 0) {
            page.initrd_size = weft_startup()->initrd_size;
        }
        if (strcmp(given->name, "trace") == 0) {
            page.trace_size = weft_startup()->trace_size;
        }
    }
    return STATUS_OK;
}

/* The right to place things on CPUs, unless it was among the grants. */
static status_t grant_cpus(uint64_t process, const struct weft_spawn *spawn)
{
    uint64_t own = weft_startup()->cpus, kind, handle;
    if (page.cpus != 0 || own == 0) {
        return STATUS_OK;
    }
    status_t status = weft_cap_inspect(own, 0, &kind);
    uint32_t rights = (uint32_t)kind >> 8;
    if (status == STATUS_OK) {
        status = weft_cap_copy(process, own, rights, spawn->cpus, &handle);
    }
    if (status == STATUS_OK) {
        note_capability("cpus", handle, rights);
        page.cpus = (uint32_t)handle;
    }
    return status;
}

static status_t place_startup(uint64_t process, const struct weft_spawn *spawn)
{
    const struct weft_startup *own = weft_startup();
    page.magic = WEFT_STARTUP_MAGIC;
    page.version = WEFT_STARTUP_VERSION;
    page.clock_hz = own->clock_hz;
    page.cpu_count = own->cpu_count;
    page.kernel_entered = own->kernel_entered;
    page.trace_schema = own->trace_schema;
    page.user_entered = own->user_entered != 0 ? own->user_entered : weft_entered;
    page.cpu = spawn->cpu;
    (void)weft_string_copy(page.name, spawn->name, sizeof(page.name));
    if (spawn->arguments != NULL) {
        (void)weft_string_copy(page.arguments, spawn->arguments, sizeof(page.arguments));
    }
    return place(process, STARTUP_ADDRESS, sizeof(page), RIGHT_READ, (const uint8_t *)&page,
                 sizeof(page));
}

/* The first thread of a process with a budget. It is made on the caller's CPU, where the caller is more
 * important, and suspended: so it has not run when its account is set. */
static status_t start_with_budget(uint64_t process, const struct weft_spawn *spawn, uint64_t entry,
                                  uint64_t *thread)
{
    const struct weft_startup *own = weft_startup();
    status_t status = weft_thread_create(process, own->cpu | (uint64_t)spawn->priority << 16, entry,
                                         WEFT_MAIN_STACK_TOP, STARTUP_ADDRESS, thread);
    if (status != STATUS_OK) {
        return status;
    }
    status = weft_thread_suspend(*thread);
    if (status == STATUS_OK) {
        status = weft_thread_schedule(*thread, spawn->priority | 1 << 8, spawn->budget,
                                      spawn->period, own->cpus);
    }
    if (status == STATUS_OK && spawn->cpu != own->cpu) {
        status = weft_thread_affinity(*thread, spawn->cpu);
    }
    return status == STATUS_OK ? weft_thread_resume(*thread) : status;
}

static status_t start_thread(uint64_t process, const struct weft_spawn *spawn, uint64_t entry,
                             uint64_t *thread)
{
    if (spawn->budget != 0) {
        return start_with_budget(process, spawn, entry, thread);
    }
    uint64_t placement =
        spawn->cpu | (uint64_t)spawn->priority << 16 | (spawn->named ? 0 : THREAD_UNNAMED);
    return weft_thread_create(process, placement, entry, WEFT_MAIN_STACK_TOP, STARTUP_ADDRESS,
                              thread);
}

static status_t start(uint64_t process, const struct weft_spawn *spawn, uint64_t entry,
                      struct weft_child *child)
{
    uint64_t thread;
    status_t status = STATUS_OK;
    if (spawn->fault_endpoint != 0) {
        status = weft_process_fault_endpoint(process, spawn->fault_endpoint);
    }
    if (status == STATUS_OK) {
        status = start_thread(process, spawn, entry, &thread);
    }
    if (status != STATUS_OK) {
        return status;
    }
    child->process = process;
    if (spawn->named || spawn->budget == 0) {
        child->thread = spawn->named ? thread : 0;
        child->thread_id = spawn->named ? 0 : (uint32_t)thread;
        return STATUS_OK;
    }
    struct weft_thread_status about = {0};
    status = weft_thread_status(thread, (uint64_t)&about);
    child->thread_id = about.id;
    (void)weft_cap_delete(thread);
    return status;
}

/* Fills a new process; on failure spawn->reason says in which step. */
static status_t build(uint64_t process, struct weft_spawn *spawn, const struct weft_elf *elf,
                      const struct weft_archive_file *file, struct weft_child *child)
{
    memset(&page, 0, sizeof(page));
    spawn->reason = "its segments cannot be loaded";
    status_t status = place_segments(process, elf, file, spawn->opened ? child : NULL);
    if (status == STATUS_OK) {
        spawn->reason = "its capabilities cannot be given";
        status = grant(process, spawn);
    }
    if (status == STATUS_OK) {
        status = grant_cpus(process, spawn);
    }
    if (status == STATUS_OK) {
        spawn->reason = "its start-up page cannot be made";
        status = place_startup(process, spawn);
    }
    if (status == STATUS_OK) {
        spawn->reason = "its first thread cannot be started";
        status = start(process, spawn, elf->entry, child);
    }
    return status;
}

status_t weft_spawn(const struct weft_archive *archive, struct weft_spawn *spawn,
                    struct weft_child *child)
{
    struct weft_archive_file file;
    struct weft_elf elf;
    if (spawn->grant_count + 2 > WEFT_CAPABILITIES_MAX) { /* `self` and `cpus` */
        spawn->reason = "it is given too many capabilities";
        return STATUS_BAD_ARGUMENT;
    }
    spawn->reason = weft_archive_find(archive, spawn->program, &file);
    if (spawn->reason == NULL) {
        spawn->reason = weft_elf_read(file.bytes, file.size, &elf);
    }
    if (spawn->reason != NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    struct weft_name name = weft_name_pack(spawn->name);
    uint64_t process;
    spawn->reason = "its process cannot be created";
    status_t status = weft_process_create(spawn->pages, name.words[0], name.words[1],
                                          spawn->notification, spawn->bits, spawn->home, &process);
    if (status != STATUS_OK) {
        return status;
    }
    *child = (struct weft_child){0};
    status = build(process, spawn, &elf, &file, child);
    if (status != STATUS_OK) {
        weft_parts_close(child);
        (void)weft_process_kill(process);
        (void)weft_cap_delete(process);
    }
    return status;
}

void weft_parts_close(struct weft_child *child)
{
    struct weft_part *const parts[] = {&child->code, &child->data};
    for (unsigned i = 0; i < 2; i++) {
        if (parts[i]->memory != 0) {
            (void)weft_cap_delete(parts[i]->memory);
        }
        *parts[i] = (struct weft_part){0};
    }
}

struct weft_end weft_process_end(uint64_t process)
{
    uint64_t state;
    if (weft_process_status(process, &state) != STATUS_OK) {
        return (struct weft_end){.cause = WEFT_KILLED};
    }
    return (struct weft_end){.cause = (enum weft_cause)(state >> 32), .status = (uint32_t)state};
}

const char *weft_archive_open(struct weft_archive *out)
{
    uint64_t memory = weft_capability("initrd");
    uint64_t size = weft_startup()->initrd_size;
    if (memory == 0 || size == 0) {
        return "there is no boot image";
    }
    if (size > WEFT_ARCHIVE_TOP - WEFT_ARCHIVE_BASE) {
        return "the boot image is too large";
    }
    uint64_t pages = weft_page_up(size) / WEFT_PAGE_SIZE;
    status_t status = weft_memory_map(HANDLE_SELF, memory, WEFT_ARCHIVE_BASE, 0, pages, RIGHT_READ);
    if (status != STATUS_OK) {
        return "the boot image cannot be mapped";
    }
    *out = (struct weft_archive){(const uint8_t *)WEFT_ARCHIVE_BASE, size};
    return weft_archive_check(out);
}
