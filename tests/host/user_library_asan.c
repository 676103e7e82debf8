/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable parts of user space on the host: formatting against the C library's, memory and
 * string functions against its, numbers, the boot image's reader, the ELF reader, and the
 * benchmarks' statistics; the manifest is in manifest_asan.c. The sources are compiled as they are, under AddressSanitizer.
 *
 * user_library_asan: 0 when everything holds, else 1 and a line for each thing that does not.
 */
#include "tests/host/check.h"
#include "tests/host/user_library.h"

/* ---- formatting ------------------------------------------------------------------------------ */

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char own[96], wanted[96];                                                                  \
        size_t own_length = weft_format(own, sizeof(own), __VA_ARGS__);                            \
        size_t wanted_length = (size_t)snprintf(wanted, sizeof(wanted), __VA_ARGS__);              \
        if (own_length != wanted_length || strcmp(own, wanted) != 0) {                             \
            failures++;                                                                            \
            printf("%d: \"%s\", not \"%s\"\n", __LINE__, own, wanted);                             \
        }                                                                                          \
    } while (0)

static void test_format(void)
{
    static const int64_t numbers[] = {0,     1,         -1,        9,         10,       4096,
                                      -4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        long wide = (long)numbers[i];
        int narrow = (int)numbers[i];
        SAME("%d|%5d|%-5d|%05d|%i", narrow, narrow, narrow, narrow, narrow);
        SAME("%u|%8u|%-8u|%08u", narrow, narrow, narrow, narrow);
        SAME("%x|%X|%08x|%-12x|", narrow, narrow, narrow, narrow);
        SAME("%ld|%25ld|%-25ld|%025ld", wide, wide, wide, wide);
        SAME("%lu|%lx|%016lx|%lX|%zu", wide, wide, wide, wide, (size_t)wide);
        SAME("%lld|%llu|%llx", (long long)wide, (long long)wide, (long long)wide);
    }
    SAME("%s|%10s|%-10s|%.3s|%.0s|%10.2s|", "hello", "hello", "hello", "hello", "hello", "hello");
    SAME("%.*s|%.*s|%s", 2, "abc", 9, "abc", "");
    SAME("%c%c%3c|%-3c|%%|%d%%", 'a', 'b', 'c', 'd', 5);
    SAME("%p", (void *)0x1234abcd);
    SAME("plain");
    SAME("%s", "a text that is longer than the room that there is for it: the length counts, the "
               "rest does not");
    char tiny[4];
    CHECK(weft_format(tiny, sizeof(tiny), "%d", 123456) == 6 && strcmp(tiny, "123") == 0);
    CHECK(weft_format(tiny, 1, "%d", 12) == 2 && tiny[0] == '\0');
    CHECK(weft_format(NULL, 0, "%d", 12) == 2);
}

/* ---- strings and numbers --------------------------------------------------------------------- */

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_memory(void)
{
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        char a[80], b[80], c[80];
        for (unsigned i = 0; i < sizeof(a); i++) {
            a[i] = b[i] = (char)(rand() % 3);
        }
        size_t length = (size_t)rand() % 40, from = (size_t)rand() % 40, to = (size_t)rand() % 40;
        memmove(a + to, a + from, length);
        weft_memmove(b + to, b + from, length);
        CHECK(memcmp(a, b, sizeof(a)) == 0);
        weft_memcpy(c, b, sizeof(b));
        CHECK(memcmp(c, b, sizeof(b)) == 0);
        memset(a + to, (int)length, length);
        weft_memset(b + to, (int)length, length);
        CHECK(memcmp(a, b, sizeof(a)) == 0);
        CHECK(sign(memcmp(a + from, a + to, length)) ==
              sign(weft_memcmp(a + from, a + to, length)));
        a[79] = '\0';
        a[40] = '\0';
        CHECK(strlen(a + from) == weft_strlen(a + from));
        CHECK(sign(strcmp(a + from, a + to)) == sign(weft_strcmp(a + from, a + to)));
        CHECK(sign(strncmp(a + from, a + to, length)) ==
              sign(weft_strncmp(a + from, a + to, length)));
        CHECK(strchr(a + from, 2) == weft_strchr(a + from, 2));
    }
}

static void test_numbers(void)
{
    unsigned long long value = 77;
    CHECK(weft_parse_number("0", &value) && value == 0);
    CHECK(weft_parse_number("18446744073709551615", &value) && value == UINT64_MAX);
    CHECK(weft_parse_number("0xFfff", &value) && value == 0xffff);
    CHECK(weft_parse_number("0xffffffffffffffff", &value) && value == UINT64_MAX);
    static const char *const wrong[] = {
        "", "0x", "-1", "1 ", " 1", "12a", "0xg", "18446744073709551616", "0x10000000000000000"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(!weft_parse_number(wrong[i], &value));
    }
    char text[4];
    CHECK(weft_string_copy(text, "abc", sizeof(text)) && strcmp(text, "abc") == 0);
    CHECK(!weft_string_copy(text, "abcd", sizeof(text)) && strcmp(text, "abc") == 0);
}

/* ---- the boot image -------------------------------------------------------------------------- */

static size_t add_file(char *archive, size_t at, const char *name, const char *content)
{
    size_t name_size = strlen(name) + 1, size = strlen(content);
    at += (size_t)sprintf(archive + at,
                          "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1,
                          0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
    memcpy(archive + at, name, name_size);
    at += name_size;
    while (at % 4 != 0) {
        archive[at++] = '\0';
    }
    memcpy(archive + at, content, size);
    at += size;
    while (at % 4 != 0) {
        archive[at++] = '\0';
    }
    return at;
}

static void test_archive(void)
{
    char *bytes = calloc(1, 4096);
    size_t size = add_file(bytes, 0, "init", "first");
    size = add_file(bytes, size, "./manifest", "");
    size = add_file(bytes, size, "third", "x");
    size = add_file(bytes, size, "TRAILER!!!", "");
    uint8_t *exact = malloc(size); /* so that one byte too many is seen */
    memcpy(exact, bytes, size);
    struct weft_archive archive = {exact, size};
    struct weft_archive_file file;
    CHECK(weft_archive_check(&archive) == NULL);
    CHECK(weft_archive_find(&archive, "init", &file) == NULL && file.size == 5 &&
          memcmp(file.bytes, "first", 5) == 0);
    CHECK(weft_archive_find(&archive, "manifest", &file) == NULL && file.size == 0);
    CHECK(weft_archive_find(&archive, "third", &file) == NULL && file.size == 1);
    CHECK(weft_archive_find(&archive, "none", &file) != NULL);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = malloc(cut);
        memcpy(part, exact, cut);
        struct weft_archive shorter = {part, cut};
        CHECK(weft_archive_check(&shorter) != NULL);
        free(part);
    }
    free(exact);
    free(bytes);
}

/* ---- programs -------------------------------------------------------------------------------- */

struct program {
    struct elf_header header;
    struct elf_program segments[2];
    uint8_t content[64];
};

static struct program good_program(void)
{
    struct program program = {
        .header = {.ident = {127, 'E', 'L', 'F', 2, 1, 1},
                   .type = TYPE_EXECUTABLE,
                   .machine = MACHINE,
                   .entry = 0x200010,
                   .program_offset = sizeof(struct elf_header),
                   .program_entry_size = sizeof(struct elf_program),
                   .program_count = 2},
    };
    program.segments[0] = (struct elf_program){.type = SEGMENT_LOAD,
                                               .flags = FLAG_READ | FLAG_EXECUTE,
                                               .offset = offsetof(struct program, content),
                                               .address = 0x200000,
                                               .file_size = 64,
                                               .memory_size = 64};
    program.segments[1] = (struct elf_program){.type = SEGMENT_LOAD,
                                               .flags = FLAG_READ | FLAG_WRITE,
                                               .offset = sizeof(struct program),
                                               .address = 0x201000,
                                               .memory_size = 0x3000};
    return program;
}

static const char *read_program(const struct program *program)
{
    struct weft_elf elf;
    return weft_elf_read((const uint8_t *)program, sizeof(*program), &elf);
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct program program = good_program();                                                   \
        change;                                                                                    \
        CHECK(read_program(&program) != NULL);                                                     \
    } while (0)

static void test_elf(void)
{
    struct program program = good_program();
    struct weft_elf elf = {0};
    CHECK(weft_elf_read((const uint8_t *)&program, sizeof(program), &elf) == NULL);
    CHECK(elf.segment_count == 2 && elf.entry == 0x200010);
    CHECK(elf.segments[0].access == (RIGHT_READ | RIGHT_EXECUTE));
    CHECK(elf.segments[1].access == (RIGHT_READ | RIGHT_WRITE));
    REFUSED(program.header.ident[1] = 'X');
    REFUSED(program.header.ident[4] = 1);
    REFUSED(program.header.type = 3);
    REFUSED(program.header.machine = 40);
    REFUSED(program.header.program_entry_size = 32);
    REFUSED(program.header.program_offset = UINT64_MAX);
    REFUSED(program.header.program_count = 60000);
    REFUSED(program.header.entry = 0x1fffff);
    REFUSED(program.header.entry = 0x200040);
    REFUSED(program.header.entry = 0x201000);
    REFUSED(program.segments[1].type = SEGMENT_INTERPRETER);
    REFUSED(program.segments[0].flags = FLAG_READ | FLAG_WRITE | FLAG_EXECUTE);
    REFUSED(program.segments[0].flags = 0);
    REFUSED(program.segments[0].offset = UINT64_MAX);
    REFUSED(program.segments[0].file_size = UINT64_MAX);
    REFUSED(program.segments[0].file_size = 65);
    REFUSED(program.segments[0].memory_size = 63);
    REFUSED(program.segments[1].memory_size = UINT64_MAX);
    REFUSED(program.segments[1].address = 0x200800);
    REFUSED(program.segments[1].address = 0x1000);
    REFUSED(program.segments[1].address = WEFT_PROGRAM_TOP - 0x1000);
    REFUSED(program.segments[1].address = UINT64_MAX);
    CHECK(weft_elf_read((const uint8_t *)&program, 63, &elf) != NULL);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void check_histogram(const uint64_t *sorted, size_t count, int detail)
{
    static struct bucket buckets[2000];
    size_t used = distribution_histogram(sorted, count, detail, buckets, 2000);
    size_t at = 0;
    CHECK(used > 0);
    for (size_t i = 0; i < used; i++) {
        CHECK(buckets[i].count > 0 && (i == 0 || buckets[i].low > buckets[i - 1].low));
        for (uint64_t n = 0; n < buckets[i].count; n++, at++) {
            CHECK(sorted[at] >= buckets[i].low);
            CHECK(i + 1 == used || sorted[at] < buckets[i + 1].low);
            if (detail >= 0) {
                CHECK(sorted[at] - buckets[i].low <= buckets[i].low >> detail);
            }
        }
    }
    CHECK(at == count);
}

static void test_distribution(void)
{
    static uint64_t own[2000], wanted[2000];
    for (unsigned round = 0; round < 60; round++) {
        size_t count = 1 + (size_t)rand() % 2000;
        for (size_t i = 0; i < count; i++) {
            own[i] = wanted[i] = (uint64_t)rand() << (rand() % 33) >> (rand() % 40);
        }
        distribution_sort(own, count);
        qsort(wanted, count, sizeof(wanted[0]), compare);
        CHECK(memcmp(own, wanted, count * sizeof(own[0])) == 0);
        CHECK(distribution_quantile(own, count, 0) == wanted[0]);
        CHECK(distribution_quantile(own, count, 1000) == wanted[count - 1]);
        for (int detail = -3; detail <= 7; detail++) {
            check_histogram(own, count, detail);
        }
    }
    uint64_t ten[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    CHECK(distribution_quantile(ten, 10, 500) == 5 && distribution_quantile(ten, 10, 900) == 9);
    CHECK(distribution_quantile(ten, 10, 990) == 10 && distribution_quantile(ten, 1, 500) == 1);
    struct bucket one;
    CHECK(distribution_histogram(ten, 10, 7, &one, 1) == 0); /* no room: says so */
}

int main(void)
{
    test_format();
    test_memory();
    test_numbers();
    test_archive();
    test_elf();
    test_distribution();
    printf("%u failures\n", failures);
    return failures != 0;
}
