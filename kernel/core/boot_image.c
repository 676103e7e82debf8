/* SPDX-License-Identifier: Apache-2.0
 *
 * The first process: loads `init` from the boot image and starts it with everything there is.
 *
 * The image is a cpio archive in the "newc" form, of which the kernel knows one thing: `init` is its
 * first entry, so that the content begins at INIT_OFFSET. That is no file of a known format either, but
 * the program's memory as it is, with a head that tells its parts (struct weft_first_program). init
 * reads the archive and loads all other programs.
 */
#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/mapping.h"
#include "kernel/panic.h"

#define INIT_OFFSET 116u /* 110 bytes of header, "init" with its NUL, and up to a multiple of 4 */
#define INIT_PRIORITY (PRIORITIES - 1)
#define INIT_STACK_TOP 0x7fff00000000ull
#define INIT_STACK_PAGES 16u
#define PORTS 0x10000u
#define LINES (INTERRUPT_MESSAGE + 1) /* with the one that stands for messages */

/* ---- the program ----------------------------------------------------------------------------- */

static void memory_check(bool given)
{
    if (!given) {
        panic("not enough memory for init");
    }
}

/* Memory that is there already, as an object of one piece. */
static struct memory_object *object_at(struct process *process, paddr_t start, uint64_t size)
{
    uint32_t pages = (uint32_t)(align_up(size, PAGE_SIZE) / PAGE_SIZE);
    struct memory_object *memory = memory_object_new(process, pages, pages);

    memory_check(memory != NULL);
    memory->base = start;
    return memory;
}

/* Pages filled from `data` and zeros, mapped into the first process. */
static void map_new(struct process *process, vaddr_t address, uint64_t pages, unsigned access,
                    const void *data, uint64_t size)
{
    paddr_t start = pool_alloc_run(&process->pool, pages);
    struct memory_object *memory = object_at(process, start, pages * PAGE_SIZE);
    struct mapping wanted = {
        .node.key = address, .memory = memory, .pages = pages, .access = access};

    memory->done = (uint32_t)pages;
    memory_check(start != 0 && mapping_create(process, &wanted) == STATUS_OK);
    __builtin_memset(arch_to_virtual(start), 0, pages * PAGE_SIZE);
    __builtin_memcpy(arch_to_virtual(start), data, size);
}

/* Returns the entry point. */
static vaddr_t program_load(struct process *process)
{
    static const unsigned access[] = {PAGE_READ, PAGE_READ | PAGE_EXECUTE, PAGE_READ | PAGE_WRITE};
    const char *file = (const char *)arch_to_virtual(boot_info.initrd_start) + INIT_OFFSET;
    struct weft_first_program program = {0};

    if (boot_info.initrd_size >= INIT_OFFSET + sizeof(program)) {
        __builtin_memcpy(&program, file, sizeof(program)); /* it is not aligned there */
    }
    if (program.magic != WEFT_FIRST_MAGIC) {
        panic(
            "the boot image is not a cpio archive (newc) that begins with an init for this kernel");
    }
    if (program.file_end - program.parts[0] > boot_info.initrd_size - INIT_OFFSET) {
        panic("the boot image ends in the middle of init");
    }
    for (unsigned i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
        vaddr_t start = program.parts[i], end = program.parts[i + 1];
        vaddr_t file_end = program.file_end < end ? program.file_end : end;

        if ((start | end) % PAGE_SIZE != 0 || start <= STARTUP_ADDRESS || start >= end ||
            end > INIT_STACK_TOP / 2 || (end - start) / PAGE_SIZE > MEMORY_PAGES_MAX) {
            panic("init: a part of the program is malformed");
        }
        map_new(process, start, (end - start) / PAGE_SIZE, access[i],
                file + (start - program.parts[0]), file_end > start ? file_end - start : 0);
    }
    return program.entry;
}

/* ---- what init gets -------------------------------------------------------------------------- */

#define ALL_OF_RANGE (RIGHT_READ | RIGHT_WRITE | RIGHT_COPY | RIGHT_MANAGE)

static struct weft_startup startup = {
    .magic = WEFT_STARTUP_MAGIC,
    .version = WEFT_STARTUP_VERSION,
    .name = "init",
    .cpus = HANDLE_CPUS,
    .capability_count = HANDLE_TRACE,
    .trace_schema = TRACE_SCHEMA_HASH,
};

/* The capabilities of the start-up page; an empty table fills in the order of the fixed handles. Each of
 * the objects has another reference, its own, that keeps it for ever; the frames of the boot image and of the
 * rings are nobody's to give back. */
static void grant_all(struct process *process)
{
    struct memory_object *image = object_at(process, boot_info.initrd_start, startup.initrd_size);
    struct memory_object *rings = object_at(process, boot_info.trace.start, startup.trace_size);
    const struct {
        struct weft_startup_capability as;
        struct object *object;
        uint32_t count; /* of a range; 0: it is none */
    } given[] = {
        {{"self", HANDLE_SELF, RIGHTS_ALL}, &process->object, 0},
        {{"console", HANDLE_CONSOLE, RIGHT_WRITE | RIGHT_COPY}, range_object(OBJECT_CONSOLE), 0},
        {{"machine", HANDLE_MACHINE, RIGHT_MANAGE | RIGHT_COPY}, range_object(OBJECT_MACHINE), 0},
        {{"initrd", HANDLE_INITRD, RIGHT_READ | RIGHT_COPY}, &image->object, 0},
        {{"cpus", HANDLE_CPUS, ALL_OF_RANGE}, range_object(OBJECT_CPUS), boot_info.cpu_count},
        {{"ports", HANDLE_PORTS, ALL_OF_RANGE}, range_object(OBJECT_PORTS), PORTS},
        {{"interrupts", HANDLE_INTERRUPTS, ALL_OF_RANGE}, range_object(OBJECT_INTERRUPTS), LINES},
        {{"physical", HANDLE_PHYSICAL, ALL_OF_RANGE}, range_object(OBJECT_PHYSICAL), UINT32_MAX},
        {{"trace", HANDLE_TRACE, RIGHT_READ | RIGHT_COPY}, &rings->object, 0},
    };

    for (unsigned i = 0; i < startup.capability_count; i++) {
        uint64_t handle = 0;

        startup.capabilities[i] = given[i].as;
        object_retain(given[i].object);
        (void)!cap_insert(process, given[i].object, given[i].as.rights, RANGE(0, given[i].count),
                          &handle);
        ASSERT(handle == given[i].as.handle);
    }
}

static void startup_place(struct process *process)
{
    _Static_assert(sizeof(startup) <= PAGE_SIZE, "start-up data is one page");
    _Static_assert(WEFT_ARGUMENTS_MAX >= BOOT_COMMAND_LINE_MAX, "the whole line fits");

    startup.clock_hz = arch_clock_hz;
    startup.cpu_count = boot_info.cpu_count;
    startup.kernel_entered = boot_info.entered;
    __builtin_memcpy(startup.arguments, boot_info.command_line, BOOT_COMMAND_LINE_MAX);
    map_new(process, STARTUP_ADDRESS, 1, PAGE_READ, &startup, sizeof(startup));
}

void process_start_init(void)
{
    struct pool pool = {0};
    struct process *process;
    struct thread *thread;
    vaddr_t entry;

    if (boot_info.initrd_size == 0) {
        panic("no boot image: give one with -initrd");
    }
    boot_memory_take_rest(&pool);
    memory_check(pool.free_pages >= PROCESS_PAGES_MIN);
    process = process_build(NULL, &pool, startup.name, 0);
    process_join(process);
    startup.initrd_size = boot_info.initrd_size;
    startup.trace_size = boot_info.trace.end - boot_info.trace.start;
    entry = program_load(process);
    grant_all(process);
    startup_place(process);
    map_new(process, INIT_STACK_TOP - INIT_STACK_PAGES * PAGE_SIZE, INIT_STACK_PAGES,
            PAGE_READ | PAGE_WRITE, NULL, 0);
    thread = thread_create(process, 0, INIT_PRIORITY);
    memory_check(thread != NULL);
    arch_frame_init(&thread->frame, entry, INIT_STACK_TOP, STARTUP_ADDRESS);
    thread_start(thread);
}
