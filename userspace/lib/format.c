/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatting of text; weft/print.h says what it understands. A conversion that it does not
 * understand is printed as it stands, so that the mistake is seen.
 *
 * Needs nothing but memory: the unit tests on the host compile this file as it is.
 */
#include "weft/print.h"
#include "weft/string.h"

#include <stdint.h>

struct output {
    char *out;
    size_t size;
    size_t length; /* of the whole text, also what did not fit */
};

struct conversion {
    _Bool left;
    _Bool zero;
    unsigned width;
    size_t precision;
    unsigned longs; /* 0 int, 1 long, 2 long long; all but the first are 64 bits wide */
};

static void put(struct output *output, char character)
{
    if (output->length + 1 < output->size) {
        output->out[output->length] = character;
    }
    output->length++;
}

static void put_padded(struct output *output, const struct conversion *how, const char *text,
                       size_t length)
{
    size_t padding = how->width > length ? how->width - length : 0;
    for (size_t i = 0; i < padding && !how->left; i++) {
        put(output, ' ');
    }
    for (size_t i = 0; i < length; i++) {
        put(output, text[i]);
    }
    for (size_t i = 0; i < padding && how->left; i++) {
        put(output, ' ');
    }
}

static void put_number(struct output *output, struct conversion how, uint64_t value, unsigned base,
                       const char *prefix, const char *digits)
{
    char text[32];
    size_t start = sizeof(text);
    do {
        text[--start] = digits[value % base];
        value /= base;
    } while (value != 0);
    size_t prefix_length = strlen(prefix);
    while (how.zero && !how.left && sizeof(text) - start + prefix_length < how.width &&
           start > prefix_length) {
        text[--start] = '0';
    }
    start -= prefix_length;
    memcpy(text + start, prefix, prefix_length);
    put_padded(output, &how, text + start, sizeof(text) - start);
}

static uint64_t take_unsigned(const struct conversion *how, va_list *arguments)
{
    return how->longs ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
}

static int64_t take_signed(const struct conversion *how, va_list *arguments)
{
    return how->longs ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);
}

/* Reads flags, width, precision and length; returns where the conversion's letter stands. */
static const char *parse(const char *format, struct conversion *how, va_list *arguments)
{
    for (;; format++) {
        if (*format == '-') {
            how->left = 1;
        } else if (*format == '0') {
            how->zero = 1;
        } else {
            break;
        }
    }
    for (; *format >= '0' && *format <= '9'; format++) {
        how->width = how->width * 10 + (unsigned)(*format - '0');
    }
    how->precision = SIZE_MAX;
    if (*format == '.') {
        format++;
        how->precision = 0;
        if (*format == '*') {
            int precision = va_arg(*arguments, int);
            how->precision = precision < 0 ? SIZE_MAX : (size_t)precision;
            format++;
        }
        for (; *format >= '0' && *format <= '9'; format++) {
            how->precision = how->precision * 10 + (unsigned)(*format - '0');
        }
    }
    for (; *format == 'l' || *format == 'z'; format++) {
        how->longs++;
    }
    return format;
}

/* One conversion; false where the letter is unknown. */
static _Bool convert(struct output *output, const struct conversion *how, char letter,
                     va_list *arguments)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    switch (letter) {
    case 'd':
    case 'i': {
        int64_t value = take_signed(how, arguments);
        uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
        put_number(output, *how, size, 10, value < 0 ? "-" : "", lower);
        return 1;
    }
    case 'u':
        put_number(output, *how, take_unsigned(how, arguments), 10, "", lower);
        return 1;
    case 'x':
        put_number(output, *how, take_unsigned(how, arguments), 16, "", lower);
        return 1;
    case 'X':
        put_number(output, *how, take_unsigned(how, arguments), 16, "", upper);
        return 1;
    case 'p':
        put_number(output, *how, (uintptr_t)va_arg(*arguments, void *), 16, "0x", lower);
        return 1;
    case 'c': {
        char character = (char)va_arg(*arguments, int);
        put_padded(output, how, &character, 1);
        return 1;
    }
    case 's': {
        const char *text = va_arg(*arguments, const char *);
        text = text ? text : "(null)";
        put_padded(output, how, text, strnlen(text, how->precision));
        return 1;
    }
    case '%':
        put(output, '%');
        return 1;
    default:
        return 0;
    }
}

size_t weft_format_list(char *out, size_t size, const char *format, va_list arguments)
{
    struct output output = {.out = out, .size = size};
    va_list list;
    va_copy(list, arguments);
    while (*format != '\0') {
        if (*format != '%') {
            put(&output, *format++);
            continue;
        }
        struct conversion how = {0};
        const char *letter = parse(format + 1, &how, &list);
        if (*letter != '\0' && convert(&output, &how, *letter, &list)) {
            format = letter + 1;
        } else {
            put(&output, *format++);
        }
    }
    va_end(list);
    if (size > 0) {
        out[output.length < size ? output.length : size - 1] = '\0';
    }
    return output.length;
}

size_t weft_format(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = weft_format_list(out, size, format, arguments);
    va_end(arguments);
    return length;
}
