/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing of what reads a guest's memory (capture) and its kernel's ELF file, under AddressSanitizer and
 * UndefinedBehaviorSanitizer: a guest may say anything, and change it while it is read.
 *
 * Bytes in memory stand for the guest's: this file defines the functions of trace/host/ram.c that open
 * and read it. It begins as a kernel would leave it, with one ring of each kind on two CPUs. Each item
 * of an input (fuzz_items.h) then does something to it, at once or when it has been read so many times:
 * appends a record as the kernel does, or changes a field of the trace area, of a ring's entry or state,
 * or any word. What is captured must be a capture that every reader accepts, and check reads it.
 *
 * Where the head says so, the items change the ELF file instead, or are that file (HEAD_RAW).
 *
 * Run by `weft fuzz-trace` and tests/trace/test_trace_fuzz.py.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "commands.h"
#include "fuzz_items.h"
#include "guest.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define CPUS 2u
#define RINGS (2 * CPUS)
#define RING_PAGES 3u
#define AREA_AT 0x2000u
#define STATES_AT 0x5000u
#define STATE_STRIDE 64u
#define RINGS_AT 0x8000u
#define MEMORY_SIZE (RINGS_AT + RINGS * RING_PAGES * TRACE_PAGE_SIZE)
#define DIRECT_MAP 0xffff800000000000ull
#define KERNEL_BASE 0xffffffff80000000ull
#define LATER_MAX 64u
#define ITEM_LATER 0x80u /* in an item's flags: not before so many reads as the other bits say */
#define HEAD_ELF 0x40u   /* in the head's mode */

_Static_assert(AREA_AT + sizeof(struct trace_area) <= STATES_AT, "the area ends before the states");

static _Alignas(TRACE_PAGE_SIZE) unsigned char memory[MEMORY_SIZE], fresh[MEMORY_SIZE];
static struct {
    struct fuzz_item items[LATER_MAX];
    size_t count;
    unsigned reads;
} later;

/* ---- the guest's memory ------------------------------------------------------------------------ */

static struct trace_ring *ring_state(unsigned index)
{
    return (struct trace_ring *)(void *)(memory + STATES_AT + index * STATE_STRIDE);
}

static struct trace_record record_make(uint8_t id, uint8_t small, uint64_t time, uint32_t a,
                                       uint32_t b)
{
    return (struct trace_record){(uint32_t)time, (uint16_t)(time >> 32), id, small, a, b};
}

/* As the kernel does it, but within the memory whatever the state has become. */
static void ring_put(struct trace_ring *ring, struct trace_record record)
{
    uint64_t at = ring->next - ring->base + ring->base_paddr;

    if (at <= MEMORY_SIZE - sizeof record) {
        memcpy(memory + at, &record, sizeof record);
        ring->next += sizeof record;
    }
}

static void ring_append(unsigned index, struct trace_record record)
{
    struct trace_ring *ring = ring_state(index);

    ring_put(ring, record);
    if (ring->next % TRACE_PAGE_SIZE == 0) {
        ring->next = ring->next == ring->base + ring->size ? ring->base : ring->next;
        ring->sequence++;
        ring_put(ring, record_make(TRACE_EVENT_PAGE, 0, 0, (uint32_t)ring->sequence, 0));
    }
}

/* Makes `memory` what a kernel leaves that has just set its trace up. */
static void memory_set_up(void)
{
    struct trace_area *area = (struct trace_area *)(void *)(memory + AREA_AT);

    *area = (struct trace_area){.magic = TRACE_AREA_MAGIC,
                                .version = TRACE_AREA_VERSION,
                                .cpu_count = CPUS,
                                .schema_hash = TRACE_SCHEMA_HASH,
                                .clock_hz = 1000000000,
                                .record_size = TRACE_RECORD_SIZE,
                                .page_size = TRACE_PAGE_SIZE,
                                .ring_count = RINGS,
                                .build = "fuzz"};
    for (unsigned i = 0; i < RINGS; i++) {
        uint64_t base = RINGS_AT + (uint64_t)i * RING_PAGES * TRACE_PAGE_SIZE;
        struct trace_ring *ring = ring_state(i);

        area->rings[i] =
            (struct trace_ring_entry){STATES_AT + i * STATE_STRIDE, i / 2, (uint32_t)i % 2};
        *ring = (struct trace_ring){.next = DIRECT_MAP + base,
                                    .base = DIRECT_MAP + base,
                                    .size = RING_PAGES * TRACE_PAGE_SIZE,
                                    .base_paddr = base};
        ring_put(ring, record_make(TRACE_EVENT_PAGE, 0, 0, 0, 0));
    }
}

static void bytes_change(unsigned char *bytes, size_t size, const struct fuzz_item *item)
{
    size_t at = item->step % size, width = (size_t)1 << (item->small & 3);

    memcpy(bytes + at, &item->a, width < size - at ? width : size - at);
}

/* A word of the area's header, of one of its entries, or of a ring's state becomes a + (b << 32), or is
 * moved by it. */
static void word_change(const struct fuzz_item *item)
{
    static const size_t header[] = {0, 8, 12, 16, 24, 32, 36, 40, 44, 48};
    uint64_t value = (uint64_t)item->b << 32 | item->a, old;
    size_t at, width = 8;

    if (item->place % 8 == 4) {
        unsigned field = item->small % (sizeof header / sizeof *header);

        at = AREA_AT + header[field];
        width = header[field + 1 == sizeof header / sizeof *header ? 0 : field + 1] - header[field];
        width = width > 8 ? 8 : width;
    } else if (item->place % 8 == 5) {
        at = AREA_AT + offsetof(struct trace_area, rings) + item->kind % 8 * 16u +
             item->small % 3 * 4u;
        width = 4;
    } else {
        at = STATES_AT + item->kind % RINGS * STATE_STRIDE + item->small % 5 * 8u;
    }
    memcpy(&old, memory + at, sizeof old);
    value += item->step & 1 ? old : 0;
    memcpy(memory + at, &value, width);
}

static void item_apply(const struct fuzz_item *item)
{
    static uint64_t now;

    switch (item->place % 8) {
    case 0 ... 3:
        now += item->step;
        ring_append(item->place % RINGS,
                    record_make(item->kind, item->small, now, item->a, item->b));
        break;
    case 4 ... 6:
        word_change(item);
        break;
    default:
        bytes_change(memory, sizeof memory, item);
    }
}

bool ram_open(struct ram *ram, const char *path, struct trace_error *error)
{
    (void)path;
    (void)error;
    *ram = (struct ram){memory, sizeof memory};
    return true;
}

void ram_close(struct ram *ram)
{
    *ram = (struct ram){0};
}

bool ram_read(const struct ram *ram, uint64_t address, void *to, size_t size)
{
    later.reads++;
    for (size_t i = 0; i < later.count; i++) {
        if ((later.items[i].flags & 0x7fu) == later.reads) {
            item_apply(&later.items[i]);
        }
    }
    if (address > ram->size || size > ram->size - address) {
        return false;
    }
    memcpy(to, (const void *)(uintptr_t)(ram->bytes + address), size);
    return true;
}

/* ---- files without a name ---------------------------------------------------------------------- */

struct memory_file {
    int descriptor;
    char path[32];
};

static struct memory_file kernel, broken_kernel, captured;
static struct output output;

static void file_make(struct memory_file *file)
{
    file->descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->descriptor);
}

static void file_fill(const struct memory_file *file, const void *bytes, size_t size)
{
    if (ftruncate(file->descriptor, 0) != 0 ||
        pwrite(file->descriptor, bytes, size, 0) != (ssize_t)size) {
        abort();
    }
}

struct kernel_file {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr sections[3];
    Elf64_Sym symbols[2];
    char names[16];
};

/* A kernel with one segment, and one symbol in it. */
static const struct kernel_file good = {
    .header = {.e_ident = ELFMAG "\2\1\1",
               .e_type = ET_EXEC,
               .e_phoff = offsetof(struct kernel_file, segment),
               .e_phnum = 1,
               .e_shoff = offsetof(struct kernel_file, sections),
               .e_shnum = 3},
    .segment = {.p_type = PT_LOAD, .p_vaddr = KERNEL_BASE, .p_memsz = MEMORY_SIZE},
    .sections = {{0},
                 {.sh_type = SHT_SYMTAB,
                  .sh_offset = offsetof(struct kernel_file, symbols),
                  .sh_size = sizeof good.symbols,
                  .sh_link = 2},
                 {.sh_type = SHT_STRTAB,
                  .sh_offset = offsetof(struct kernel_file, names),
                  .sh_size = sizeof good.names}},
    .symbols = {{0}, {.st_name = 1, .st_value = KERNEL_BASE + AREA_AT}},
    .names = "\0trace_area",
};

static void run_kernel(const struct fuzz_item *items, size_t count, bool raw)
{
    unsigned char bytes[sizeof good + 1];
    struct trace_error error;
    uint64_t address;

    memcpy(bytes, &good, sizeof good);
    for (size_t i = 0; !raw && i < count; i++) {
        bytes_change(bytes, sizeof good, &items[i]);
    }
    file_fill(&broken_kernel, raw ? (const void *)items : bytes,
              raw ? count * ITEM_SIZE : sizeof good);
    elf_symbol_address(broken_kernel.path, "trace_area", &address, &error);
}

/* ---- capturing --------------------------------------------------------------------------------- */

/* What capture has written must be readable. */
static void read_back(void)
{
    size_t size = (size_t)lseek(captured.descriptor, 0, SEEK_END);
    void *bytes = aligned_alloc(CAPTURE_ALIGNMENT, (size + 4095) / 4096 * 4096);
    struct trace_file file = {0};
    struct trace_error error;
    uint64_t violations;

    if (!bytes || pread(captured.descriptor, bytes, size, 0) != (ssize_t)size ||
        !trace_file_check(&file, bytes, size, &error)) {
        fprintf(stderr, "what was captured cannot be read: %s\n", error.text);
        abort();
    }
    output.descriptor = -1;
    check_capture(&file, &output, &violations, &error);
    free(bytes);
}

static void run_guest(const struct fuzz_head *head, const struct fuzz_item *items, size_t count)
{
    struct capture_options options = {.ram = "", .kernel = kernel.path};
    struct trace_error error;

    memcpy(memory, fresh, sizeof memory);
    later.count = later.reads = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(items[i].flags & ITEM_LATER)) {
            item_apply(&items[i]);
        } else if (later.count < LATER_MAX) {
            later.items[later.count++] = items[i];
        }
    }
    options.last_ms = head->bytes[0] & 1 ? head->bytes[1] : 0;
    file_fill(&captured, "", 0);
    lseek(captured.descriptor, 0, SEEK_SET);
    output.descriptor = captured.descriptor;
    output.used = 0;
    output.total = 0;
    output.failed = 0;
    if (capture_guest(&options, &output, &error)) {
        read_back();
    }
}

/* ---- what libFuzzer calls ---------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    struct trace_error error;

    (void)count;
    (void)arguments;
    file_make(&kernel);
    file_make(&broken_kernel);
    file_make(&captured);
    file_fill(&kernel, &good, sizeof good);
    memory_set_up();
    memcpy(fresh, memory, sizeof fresh);
    if (!output_open(&output, "/dev/null", &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const struct fuzz_item *items = (const struct fuzz_item *)(const void *)(data + ITEM_SIZE);
    struct fuzz_head head;

    if (size < 2 * ITEM_SIZE) {
        return 0;
    }
    memcpy(&head, data, sizeof head);
    if (head.mode & (HEAD_ELF | HEAD_RAW)) {
        run_kernel(items, size / ITEM_SIZE - 1, head.mode & HEAD_RAW);
    } else {
        run_guest(&head, items, size / ITEM_SIZE - 1);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return items_mutate(data, size, most, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *left, size_t left_size, const uint8_t *right,
                                 size_t right_size, uint8_t *out, size_t most, unsigned seed)
{
    return items_cross(left, left_size, right, right_size, out, most, seed);
}

const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=2:allocator_release_to_os_interval_ms=-1";
}
