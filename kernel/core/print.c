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

static void put_padded(struct output *out, const char *text, size_t length, unsigned width,
                       char pad)
{
    for (size_t i = length; i < width; i++) {
        put(out, pad);
    }
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
    }
}

static void put_number(struct output *out, uint64_t value, unsigned base, bool negative,
                       unsigned width, char pad)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative) {
        digits[--at] = '-';
    }
    put_padded(out, digits + at, sizeof(digits) - at, width, pad);
}

static void put_string(struct output *out, const char *text, unsigned width)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    put_padded(out, text, length, width, ' ');
}

static void put_signed(struct output *out, int64_t value, unsigned width, char pad)
{
    put_number(out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0, width, pad);
}

void kvprintf(const char *format, va_list arguments)
{
    struct output out = {.length = 0};

    for (; *format != '\0'; format++) {
        unsigned width = 0;
        bool wide = false;
        char pad = ' ';

        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        format++;
        if (*format == '0') {
            pad = '0';
        }
        for (; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + (unsigned)(*format - '0');
        }
        for (; *format == 'l' || *format == 'z'; format++) {
            wide = true;
        }
        switch (*format) {
        case 'd':
            put_signed(&out, wide ? va_arg(arguments, int64_t) : va_arg(arguments, int), width,
                       pad);
            break;
        case 'u':
        case 'x':
            put_number(&out, wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned int),
                       *format == 'u' ? 10 : 16, false, width, pad);
            break;
        case 'p':
            put_number(&out, va_arg(arguments, uint64_t), 16, false, 16, '0');
            break;
        case 's':
            put_string(&out, va_arg(arguments, const char *), width);
            break;
        case 'c':
            put(&out, (char)va_arg(arguments, int));
            break;
        default:
            put(&out, *format);
            break;
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
