/* SPDX-License-Identifier: Apache-2.0
 *
 * What a manifest says of services: further words of `service` lines, the lines `provide`, `use`,
 * `state` and `vault`, and what can be checked only when all is read: names that stand for something declared
 * later, and the order of the starts. Used by manifest.c alone; problems are told as in
 * manifest_words.h.
 */
#pragma once

#include "manifest_words.h"

extern const struct manifest_service manifest_service_default;

/* `key=value` of a `service` line. */
const char *manifest_service_word(struct manifest_process *process, const char *key, char *value);

/* `needs=A,B`, of a process or a service. */
const char *manifest_needs(struct manifest_process *process, const char *names);

/* A `service` line that is complete. */
const char *manifest_service_check(const struct manifest *manifest,
                                   const struct manifest_process *process);

/* A line that begins with `kind` and belongs to `process` (NULL: there is none yet). */
const char *manifest_service_line(struct manifest *manifest, struct manifest_process *process,
                                  unsigned line, const char *kind, struct words *words);

/* At the end: finds what names stand for. *line is where a problem is. */
const char *manifest_resolve(struct manifest *manifest, unsigned *line);
