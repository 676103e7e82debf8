/* SPDX-License-Identifier: Apache-2.0
 *
 * The first process: finds `init` in the boot image and starts it with everything there is.
 *
 * The image is a cpio archive in the "newc" form; init is a static ELF64 program with page-aligned
 * segments. This is the only program that the kernel loads, and the only place where it reads a file
 * format; init loads all others.
 */
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/mapping.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/range.h"
#include "kernel/thread.h"

#define INIT_PRIORITY (PRIORITIES - 1)
#define INIT_STACK_TOP 0x7fff00000000ull
#define INIT_STACK_PAGES 16u
#define PORTS 0x10000u
#define INTERRUPTS (INTERRUPT_MESSAGE + 1)

/* ---- cpio ------------------------------------------------------------------------------------ */

struct cpio_header {
    char magic[6]; /* "070701" */
    char inode[8], mode[8], uid[8], gid[8], links[8], mtime[8], size[8];
    char device_major[8], device_minor[8], rdevice_major[8], rdevice_minor[8];
    char name_size[8], check[8];
};

struct file {
    const char *data;
    uint64_t size;
};

static uint64_t hex8(const char *digits)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        char c = digits[i];

        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static bool cpio_find(const char *image, uint64_t image_size, const char *name, struct file *out)
{
    uint64_t name_length = 1;
    uint64_t at = 0;

    while (name[name_length - 1] != '\0') {
        name_length++;
    }
    while (image_size - at >= sizeof(struct cpio_header)) {
        const struct cpio_header *header = (const struct cpio_header *)(image + at);
        uint64_t name_size = hex8(header->name_size);
        uint64_t size = hex8(header->size);
        uint64_t data = align_up(at + sizeof(*header) + name_size, 4ull);

        if (__builtin_memcmp(header->magic, "070701", 6) != 0 || data > image_size ||
            size > image_size - data) {
            return false;
        }
        if (name_size == name_length &&
            __builtin_memcmp(image + at + sizeof(*header), name, name_length) == 0) {
            *out = (struct file){.data = image + data, .size = size};
            return true;
        }
        at = align_up(data + size, 4ull);
        if (at > image_size) {
            return false;
        }
    }
    return false;
}

/* ---- ELF ------------------------------------------------------------------------------------- */

struct elf_header {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_size, program_size, program_count;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, memory_size, alignment;
};

#define ELF_LOAD 1
#define ELF_EXECUTE 1
#define ELF_WRITE 2

/* Pages filled from `data` and zeros, mapped into the first process. */
static void map_new(struct process *process, vaddr_t address, uint64_t pages, unsigned access,
                    const void *data, uint64_t size)
{
    struct memory_object *memory = memory_object_create(process, (uint32_t)pages);
    struct mapping_plan plan = {memory, address, 0, pages, access};

    if (memory == NULL || mapping_create(process, &plan) != STATUS_OK) {
        panic("init does not fit into memory");
    }
    for (uint64_t done = 0; done < size; done += PAGE_SIZE) {
        uint64_t part = size - done < PAGE_SIZE ? size - done : PAGE_SIZE;

        __builtin_memcpy(arch_to_virtual(memory_frame(memory, done / PAGE_SIZE)),
                         (const char *)data + done, part);
    }
}

static void elf_load_segment(struct process *process, const struct file *file,
                             const struct elf_segment *segment)
{
    uint64_t pages = align_up(segment->memory_size, PAGE_SIZE) / PAGE_SIZE;
    unsigned access = PAGE_READ;

    if (segment->address % PAGE_SIZE != 0 || segment->file_size > segment->memory_size ||
        segment->offset > file->size || segment->file_size > file->size - segment->offset ||
        pages > MEMORY_PAGES_MAX || segment->address < USER_BASE + PAGE_SIZE ||
        segment->address >= INIT_STACK_TOP / 2) {
        panic("init: a segment of the program is malformed");
    }
    access |= (segment->flags & ELF_WRITE) != 0 ? PAGE_WRITE : 0;
    access |= (segment->flags & ELF_EXECUTE) != 0 ? PAGE_EXECUTE : 0;
    map_new(process, segment->address, pages, access, file->data + segment->offset,
            segment->file_size);
}

/* Returns the entry point. */
static vaddr_t elf_load(struct process *process, const struct file *file)
{
    const struct elf_header *header = (const struct elf_header *)file->data;

    if (file->size < sizeof(*header) || __builtin_memcmp(header->identity, "\177ELF\2\1", 6) != 0 ||
        header->program_size != sizeof(struct elf_segment) || header->program_offset > file->size ||
        header->program_count * sizeof(struct elf_segment) > file->size - header->program_offset) {
        panic("init: not a 64-bit ELF program");
    }
    for (unsigned i = 0; i < header->program_count; i++) {
        const struct elf_segment *segment =
            (const struct elf_segment *)(file->data + header->program_offset) + i;

        if (segment->type == ELF_LOAD && segment->memory_size > 0) {
            elf_load_segment(process, file, segment);
        }
    }
    return header->entry;
}

/* ---- what init gets -------------------------------------------------------------------------- */

/* Parts of the kernel: their own reference keeps them forever. */
static const struct object_class console_class = {.type = OBJECT_CONSOLE};
static const struct object_class machine_class = {.type = OBJECT_MACHINE};
static struct object console = {.class = &console_class, .references = 1};
static struct object machine = {.class = &machine_class, .references = 1};

/* The boot image as a memory object: its frames are where the loader put them, never freed. */
static struct object *image_object(struct process *process)
{
    uint32_t pages = (uint32_t)(align_up(boot_info.initrd_size, PAGE_SIZE) / PAGE_SIZE);
    struct memory_object *image = memory_object_new(process, pages, pages);

    if (image == NULL) {
        panic("no memory for the first objects");
    }
    image->base = boot_info.initrd_start;
    return &image->object; /* the reference is the kernel's own: it never dies */
}

static void grant(struct process *process, struct weft_startup *startup, const char *name,
                  struct object *object, unsigned rights, uint64_t badge)
{
    struct weft_startup_capability *entry = &startup->capabilities[startup->capability_count++];
    uint64_t handle;

    object_retain(object);
    if (cap_insert(process, object, rights, badge, &handle) != STATUS_OK) {
        panic("init: no room for the first capabilities");
    }
    entry->handle = (uint32_t)handle;
    entry->rights = rights;
    for (unsigned i = 0; name[i] != '\0'; i++) {
        entry->name[i] = name[i];
    }
}

static void grant_range(struct process *process, struct weft_startup *startup, const char *name,
                        enum object_type type, uint64_t count)
{
    grant(process, startup, name, range_object(type),
          RIGHT_READ | RIGHT_WRITE | RIGHT_COPY | RIGHT_MANAGE, RANGE(0, count));
}

static void startup_fill(struct process *process, struct weft_startup *startup,
                         struct object *image)
{
    _Static_assert(sizeof(struct weft_startup) <= PAGE_SIZE, "start-up data is one page");
    _Static_assert(WEFT_ARGUMENTS_MAX >= BOOT_COMMAND_LINE_MAX, "the whole line fits");

    startup->magic = WEFT_STARTUP_MAGIC;
    startup->version = WEFT_STARTUP_VERSION;
    startup->clock_hz = arch_clock_hz;
    startup->cpu_count = boot_info.cpu_count;
    startup->initrd_size = boot_info.initrd_size;
    __builtin_memcpy(startup->name, "init", 5);
    __builtin_memcpy(startup->arguments, boot_info.command_line, BOOT_COMMAND_LINE_MAX);
    /* In the order of the fixed handles of the ABI. */
    grant(process, startup, "self", &process->object, RIGHTS_ALL, 0);
    grant(process, startup, "console", &console, RIGHT_WRITE | RIGHT_COPY, 0);
    grant(process, startup, "machine", &machine, RIGHT_MANAGE | RIGHT_COPY, 0);
    grant(process, startup, "initrd", image, RIGHT_READ | RIGHT_COPY, 0);
    grant_range(process, startup, "cpus", OBJECT_CPUS, boot_info.cpu_count);
    grant_range(process, startup, "ports", OBJECT_PORTS, PORTS);
    grant_range(process, startup, "interrupts", OBJECT_INTERRUPTS, INTERRUPTS);
    grant_range(process, startup, "physical", OBJECT_PHYSICAL, UINT32_MAX);
    startup->cpus = HANDLE_CPUS;
}

void process_start_init(void)
{
    static struct weft_startup startup;
    struct pool pool = {0};
    struct process *process;
    struct file file;
    struct thread *thread;
    vaddr_t entry;

    if (boot_info.initrd_size == 0) {
        panic("no boot image: give one with -initrd");
    }
    if (!cpio_find(arch_to_virtual(boot_info.initrd_start), boot_info.initrd_size, "init", &file)) {
        panic("the boot image is not a cpio archive (newc) with a file named init");
    }
    console.id = object_id_new();
    machine.id = object_id_new();
    boot_memory_take_rest(&pool);
    if (process_build(NULL, &pool, "init\0\0\0\0\0\0\0\0\0\0\0\0", 0, &process) != STATUS_OK) {
        panic("no memory for the first process");
    }
    process_join(process);
    entry = elf_load(process, &file);
    startup_fill(process, &startup, image_object(process));
    map_new(process, STARTUP_ADDRESS, 1, PAGE_READ, &startup, sizeof(startup));
    map_new(process, INIT_STACK_TOP - INIT_STACK_PAGES * PAGE_SIZE, INIT_STACK_PAGES,
            PAGE_READ | PAGE_WRITE, NULL, 0);
    thread = thread_create(process,
                           &(struct thread_start){.cpu = 0,
                                                  .priority = INIT_PRIORITY,
                                                  .entry = entry,
                                                  .stack = INIT_STACK_TOP,
                                                  .argument = STARTUP_ADDRESS},
                           false);
    if (thread == NULL) {
        panic("no memory for the first thread");
    }
    thread_start(thread);
}
