/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a symbol in the kernel's ELF file. The kernel is linked so that each loaded segment has
 * its physical address in the program header: the symbol's place in memory is that of the segment
 * that contains it. Every offset is checked against the size of the file.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ram.h"

struct elf {
    const unsigned char *bytes;
    size_t size;
};

static const void *elf_range(const struct elf *elf, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset > elf->size || offset % 8 || count > (elf->size - offset) / size) {
        return NULL;
    }
    return elf->bytes + offset;
}

/* The symbol's virtual address, out of one symbol table. */
static bool table_lookup(const struct elf *elf, const Elf64_Shdr *table, const Elf64_Shdr *strings,
                         const char *symbol, uint64_t *address)
{
    const Elf64_Sym *symbols =
        elf_range(elf, table->sh_offset, table->sh_size / sizeof *symbols, sizeof *symbols);
    size_t length = strlen(symbol) + 1;

    if (!symbols || strings->sh_offset > elf->size ||
        strings->sh_size > elf->size - strings->sh_offset) {
        return false;
    }
    for (uint64_t i = 0; i < table->sh_size / sizeof *symbols; i++) {
        const unsigned char *name = elf->bytes + strings->sh_offset + symbols[i].st_name;

        if (symbols[i].st_name < strings->sh_size &&
            length <= strings->sh_size - symbols[i].st_name && memcmp(name, symbol, length) == 0) {
            *address = symbols[i].st_value;
            return true;
        }
    }
    return false;
}

static bool symbol_lookup(const struct elf *elf, const Elf64_Ehdr *header, const char *symbol,
                          uint64_t *address)
{
    const Elf64_Shdr *sections = elf_range(elf, header->e_shoff, header->e_shnum, sizeof *sections);

    for (unsigned i = 0; sections && i < header->e_shnum; i++) {
        if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header->e_shnum &&
            table_lookup(elf, &sections[i], &sections[sections[i].sh_link], symbol, address)) {
            return true;
        }
    }
    return false;
}

static bool to_physical(const struct elf *elf, const Elf64_Ehdr *header, uint64_t *address)
{
    const Elf64_Phdr *segments = elf_range(elf, header->e_phoff, header->e_phnum, sizeof *segments);

    for (unsigned i = 0; segments && i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD && *address >= segments[i].p_vaddr &&
            *address - segments[i].p_vaddr < segments[i].p_memsz) {
            *address = *address - segments[i].p_vaddr + segments[i].p_paddr;
            return true;
        }
    }
    return false;
}

static bool elf_lookup(const struct elf *elf, const char *path, const char *symbol,
                       uint64_t *address, struct trace_error *error)
{
    const Elf64_Ehdr *header = elf_range(elf, 0, 1, sizeof *header);

    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64) {
        return trace_fail(error, "%s: not a 64-bit ELF file", path);
    }
    if (!symbol_lookup(elf, header, symbol, address)) {
        return trace_fail(error, "%s: has no symbol %s (built without tracing?)", path, symbol);
    }
    if (!to_physical(elf, header, address)) {
        return trace_fail(error, "%s: symbol %s lies in no segment", path, symbol);
    }
    return true;
}

bool elf_symbol_address(const char *path, const char *symbol, uint64_t *address,
                        struct trace_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    struct elf elf;
    void *bytes;
    bool found;

    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    bytes = status.st_size && S_ISREG(status.st_mode)
                ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0)
                : MAP_FAILED;
    close(descriptor);
    if (bytes == MAP_FAILED) {
        return trace_fail(error, "%s: cannot be read", path);
    }
    elf = (struct elf){.bytes = bytes, .size = (size_t)status.st_size};
    found = elf_lookup(&elf, path, symbol, address, error);
    munmap(bytes, elf.size);
    return found;
}
