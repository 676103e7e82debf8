/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatted output; the header is the manual.
 */
#include "kernel/print.h"

#include "kernel/arch.h"

struct output {
    char text[256];
    size_t length;
};

static void put(struct output *out, char c)
{
    if (out->length < sizeof(out->text)) {
        out->text[out->length++] = c;
    }
}

static void put_number(struct output *out, uint64_t value, unsigned base, unsigned width)
{
    char digits[24]; /* the last one first */
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (; width > count; width--) {
        put(out, '0');
    }
    while (count > 0) {
        put(out, digits[--count]);
    }
}

void kvprintf(const char *format, va_list arguments)
{
    struct output out = {.length = 0};

    for (; *format != '\0'; format++) {
        unsigned width = 0;
        bool wide = false;

        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        for (format++; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + (unsigned)(*format - '0');
        }
        for (; *format == 'l'; format++) {
            wide = true;
        }
        if (*format == 's') {
            for (const char *text = va_arg(arguments, const char *); *text != '\0'; text++) {
                put(&out, *text);
            }
        } else {
            put_number(&out, wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned int),
                       *format == 'x' ? 16 : 10, width);
        }
    }
    arch_console_write(out.text, out.length);
}

void kprintf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
}
