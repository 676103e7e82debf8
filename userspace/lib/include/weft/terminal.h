/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal at which a person sits (userspace/drivers/uart), as its clients see it: lines out, lines in.
 *
 *     weft_terminal_print("%u files\n", count);                    where `use terminal` stands in the manifest
 *
 *     struct weft_terminal terminal = {.service = weft_capability("terminal")};
 *     weft_terminal_prompt(&terminal, "weft> ");
 *     enum terminal_input kind;
 *     status_t status = weft_terminal_read(&terminal, text, sizeof(text), &kind);
 *
 * Lines of different clients never mix: a write is made of whole lines (a newline is added at the end where there
 * is none), and what somebody types moves below what is written meanwhile. What is being typed is edited in
 * the driver (backspace, ^U, ^C, ^D, history by up and down).
 *
 * When the driver dies, all of it goes on with the next instance, and these functions ask again:
 *
 *     output     is taken once: each write has a number, which the next instance knows
 *     a line     is handed out again until its reader asks for the next one. Who prompts says that it is done with
 *                all that was handed out: so a command that ends the shell is not given to the next one
 *     typing     goes on with what was typed so far. At most the one character that was in the driver's hands is
 *                lost, and the driver says that it may be
 *
 * One reader at a time: who reads takes the place of the one before, who is told STATUS_BUSY.
 */
#pragma once

#include "weft/print.h"
#include "weft/service.h"

#define TERMINAL_LINE_MAX 256u   /* bytes of an input line, with its NUL */
#define TERMINAL_PROMPT_MAX 64u  /* bytes */
#define TERMINAL_WRITE_MAX 2048u /* bytes of one write */

enum terminal_operation {
    TERMINAL_WRITE = 1, /* number: unlike that of any other write; comes with text */
    TERMINAL_PROMPT,    /* comes with text: the client is ready for a line, and shows this before it
                         * -> number of the last line that was handed out */
    TERMINAL_READ,  /* number: of the last line that this reader has -> number, kind; with text */
    TERMINAL_DRAIN, /* answered when all that was written before has been sent */
    TERMINAL_POLL,  /* waits for ^C alone, a line stays where it is -> kind */
};

enum terminal_input {
    TERMINAL_LINE = 1,
    TERMINAL_INTERRUPT, /* ^C */
    TERMINAL_END,       /* ^D on an empty line */
};

struct terminal_request {
    uint64_t operation;
    uint64_t number;
    uint64_t unused[2];
};
WEFT_REQUEST(struct terminal_request);

struct terminal_answer {
    status_t status; /* would_block: there was no room, and is now; busy: another reader has come */
    uint64_t number; /* of the line */
    uint64_t kind;   /* enum terminal_input */
    uint64_t unused;
};
WEFT_ANSWER(struct terminal_answer);

struct weft_terminal {
    uint64_t service;
    uint64_t last; /* line that it was given */
};

/* STATUS_DEAD: there is no terminal any more. */
status_t weft_terminal_write(uint64_t service, const char *text, size_t length);

/* On the capability named `terminal`; without one, silently nothing. As long as weft_print()'s. */
void weft_terminal_print(const char *format, ...) weft_printf_like(1, 2);

/* Until the device has sent all that was written: before the machine is switched off. */
status_t weft_terminal_drain(uint64_t service);

status_t weft_terminal_prompt(struct weft_terminal *terminal, const char *text);

/* The next line, without its newline. Waits for it. */
status_t weft_terminal_read(struct weft_terminal *terminal, char *text, size_t size,
                            enum terminal_input *kind);

/* Whether ^C has been typed since the last prompt, up to a clock value. */
_Bool weft_terminal_interrupted(const struct weft_terminal *terminal, uint64_t deadline);
