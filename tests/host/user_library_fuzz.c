/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a boot image, a program or a manifest: the readers that init trusts must refuse or
 * read them, and touch nothing outside. What the ELF reader accepts must hold its promises.
 */
#include "tests/host/user_library.h"

static void check_elf(const struct weft_elf *elf, size_t size)
{
    _Bool entry_found = 0;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct weft_segment *segment = &elf->segments[i];
        if (segment->file_offset + segment->file_size > size ||
            segment->file_size > segment->memory_size || segment->address < WEFT_PROGRAM_BASE ||
            segment->address + segment->memory_size > WEFT_PROGRAM_TOP ||
            (segment->access & (RIGHT_WRITE | RIGHT_EXECUTE)) == (RIGHT_WRITE | RIGHT_EXECUTE)) {
            abort();
        }
        entry_found |= elf->entry >= segment->address &&
                       elf->entry < segment->address + segment->memory_size &&
                       (segment->access & RIGHT_EXECUTE) != 0;
    }
    if (!entry_found) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct manifest manifest;
    struct weft_archive archive = {data, size};
    struct weft_archive_file file;
    struct weft_elf elf;
    unsigned line;
    (void)weft_archive_check(&archive);
    if (weft_archive_find(&archive, "init", &file) == NULL && file.size > 0) {
        volatile uint8_t sum = file.bytes[0] ^ file.bytes[file.size - 1];
        (void)sum;
    }
    if (weft_elf_read(data, size, &elf) == NULL) {
        check_elf(&elf, size);
    }
    (void)manifest_read(data, size, "one two", 3, &manifest, &line);
    return 0;
}
