/* SPDX-License-Identifier: Apache-2.0
 *
 * Words and values of a manifest's lines. A reader returns NULL where all is well, else what is wrong,
 * and takes a value that is not there (NULL) as wrong.
 */
#pragma once

#include <stdint.h>

#include "manifest.h"

/* One line, cut into words in place. */
struct words {
    char *rest;
};

/* NULL at the end of the line. */
char *next_word(struct words *words);

/* Cuts `key=value` at the sign; NULL where there is none. */
char *split_value(char *word);

/* A name of at most MANIFEST_NAME_MAX - 1 characters. */
const char *copy_name(char *out, const char *name);

const char *read_number(const char *text, uint64_t highest, uint64_t *out);
const char *read_number32(const char *text, uint32_t highest, uint32_t *out);

/* `FIRST-LAST`, or one number: first | count << 32. */
const char *read_range(char *text, uint64_t *out);

/* Two numbers with a separator between them. */
const char *read_pair(char *text, const char *separator, uint32_t highest, uint32_t *first,
                      uint32_t *second);

/* Index of the object of this name, or -1. */
int find_object(const struct manifest *manifest, const char *name);

/* Appends an object; its name must be new. */
const char *add_object(struct manifest *manifest, const struct manifest_object *object);
