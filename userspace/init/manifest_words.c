/* SPDX-License-Identifier: Apache-2.0
 *
 * Words and values of a manifest's lines, see manifest_words.h.
 */
#include "manifest_words.h"

#include "weft/string.h"

char *next_word(struct words *words)
{
    while (*words->rest == ' ' || *words->rest == '\t') {
        words->rest++;
    }
    if (*words->rest == '\0') {
        return NULL;
    }
    char *word = words->rest;
    while (*words->rest != '\0' && *words->rest != ' ' && *words->rest != '\t') {
        words->rest++;
    }
    if (*words->rest != '\0') {
        *words->rest++ = '\0';
    }
    return word;
}

char *split_value(char *word)
{
    char *sign = strchr(word, '=');
    if (sign == NULL) {
        return NULL;
    }
    *sign = '\0';
    return sign + 1;
}

const char *copy_name(char *out, const char *name)
{
    if (name == NULL || *name == '\0') {
        return "a name is missing";
    }
    return weft_string_copy(out, name, MANIFEST_NAME_MAX) ? NULL : "a name is too long";
}

const char *read_number(const char *text, uint64_t highest, uint64_t *out)
{
    unsigned long long value;
    if (text == NULL || !weft_parse_number(text, &value)) {
        return "a number is missing or is none";
    }
    if (value > highest) {
        return "a number is too large";
    }
    *out = value;
    return NULL;
}

const char *read_number32(const char *text, uint32_t highest, uint32_t *out)
{
    uint64_t value = 0;
    const char *problem = read_number(text, highest, &value);
    *out = (uint32_t)value;
    return problem;
}

const char *read_range(char *text, uint64_t *out)
{
    char *second = text ? strchr(text, '-') : NULL;
    uint64_t first, last;
    if (second != NULL) {
        *second++ = '\0';
    }
    const char *problem = read_number(text, UINT32_MAX - 1, &first);
    if (problem == NULL) {
        problem = read_number(second ? second : text, UINT32_MAX - 1, &last);
    }
    if (problem == NULL && last < first) {
        problem = "a range ends before it begins";
    }
    if (problem == NULL) {
        *out = first | (last - first + 1) << 32;
    }
    return problem;
}

const char *read_pair(char *text, const char *separator, uint32_t highest, uint32_t *first,
                      uint32_t *second)
{
    size_t length = strlen(separator);
    char *at = text;
    while (at != NULL && *at != '\0' && strncmp(at, separator, length) != 0) {
        at++;
    }
    if (at == NULL || *at == '\0') {
        return "two numbers are wanted";
    }
    *at = '\0';
    const char *problem = read_number32(text, highest, first);
    return problem != NULL ? problem : read_number32(at + length, highest, second);
}

int find_object(const struct manifest *manifest, const char *name)
{
    for (uint32_t i = 0; i < manifest->object_count; i++) {
        if (strcmp(manifest->objects[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *add_object(struct manifest *manifest, const struct manifest_object *object)
{
    if (find_object(manifest, object->name) >= 0) {
        return "an object of this name is there already";
    }
    if (manifest->object_count == MANIFEST_OBJECTS_MAX) {
        return "there are too many objects";
    }
    manifest->objects[manifest->object_count++] = *object;
    return NULL;
}
