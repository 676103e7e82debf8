/* SPDX-License-Identifier: Apache-2.0
 *
 * The first C code of every process, and access to what its creator wrote for it.
 */
#include "weft/startup.h"
#include "weft/print.h"
#include "weft/string.h"
#include "weft/syscalls.h"

uint64_t weft_capability(const char *name)
{
    const struct weft_startup *startup = weft_startup();
    for (uint32_t i = 0; i < startup->capability_count; i++) {
        if (strcmp(startup->capabilities[i].name, name) == 0) {
            return startup->capabilities[i].handle;
        }
    }
    return 0;
}

_Bool weft_argument(const char *name, char *out, size_t size)
{
    size_t name_length = strlen(name);
    for (const char *word = weft_startup()->arguments; *word != '\0';) {
        size_t length = 0;
        while (word[length] != '\0' && word[length] != ' ') {
            length++;
        }
        if (length >= name_length && strncmp(word, name, name_length) == 0 &&
            (length == name_length || word[name_length] == '=')) {
            size_t skip = length == name_length ? length : name_length + 1;
            if (length - skip >= size) {
                return 0;
            }
            memcpy(out, word + skip, length - skip);
            out[length - skip] = '\0';
            return 1;
        }
        word += length;
        while (*word == ' ') {
            word++;
        }
    }
    return 0;
}

uint64_t weft_argument_number(const char *name, uint64_t otherwise)
{
    char text[32];
    unsigned long long value;
    if (!weft_argument(name, text, sizeof(text))) {
        return otherwise;
    }
    if (!weft_parse_number(text, &value)) {
        weft_fail("argument %s=%s is not a number", name, text);
    }
    return value;
}

_Noreturn void weft_exit(uint64_t status)
{
    for (;;) {
        (void)weft_process_exit(status);
    }
}

_Noreturn void weft_fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    weft_print("%s: %s\n", weft_startup()->name, text);
    weft_exit(99);
}

/* Called by _start with the address of the startup page. */
_Noreturn void weft_start(const struct weft_startup *startup);

uint64_t weft_entered;

_Noreturn void weft_start(const struct weft_startup *startup)
{
    weft_entered = weft_timestamp();
    if (startup != weft_startup() || startup->magic != WEFT_STARTUP_MAGIC ||
        startup->version != WEFT_STARTUP_VERSION) {
        weft_exit(99); /* started by something that speaks another ABI: nothing can be trusted */
    }
    weft_exit((uint64_t)main());
}
