/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of a serial port, in three parts: the device (port.c), what is shown and typed (screen.c), and the
 * service (main.c).
 *
 * What must survive an instance is struct screen, in the state that init keeps. An instance may die between any
 * two instructions, so each change counts by one store, which is the last:
 *
 *     output         text is laid behind `head` and counts when `head` moves. Before that the number of the write
 *                    and the head to come are noted, so that the next instance knows whether it was taken
 *     what was sent  counts when `tail` moves, behind the device's register; the device knows as well (port.c)
 *     a line         is filled at its place, and counts when `lines` moves; what was edited belongs to the line
 *                    that `edit_line` names, and is forgotten when that one is complete
 *     a character    that is being taken from the device (`taking`) is lost with the instance, and said to be
 */
#pragma once

#include <stdint.h>

#include "weft/terminal.h"

#define SCREEN_OUTPUT 16384u /* bytes, a power of two */
#define SCREEN_LINES 16u     /* that are kept: not read yet, or history */
#define SCREEN_WRITES 64u    /* numbers of writes that are remembered */

struct screen_line {
    uint32_t kind; /* enum terminal_input */
    uint32_t length;
    uint32_t shown; /* it stands on the terminal already */
    char text[TERMINAL_LINE_MAX];
};

struct screen {
    /* Output: bytes so far. */
    uint64_t head, tail;
    uint64_t writing, writing_head; /* a write that counts when `head` gets there */
    uint64_t writes;                /* taken so far */
    uint64_t taken[SCREEN_WRITES];  /* their numbers, a ring */
    /* Input. */
    uint64_t taking;    /* a character is being taken from the device */
    uint64_t lines;     /* complete so far; line N, from 1, is at N modulo SCREEN_LINES */
    uint64_t delivered; /* number of the last one that was handed out */
    uint64_t edit_line; /* `lines` when the edited one was begun */
    uint32_t edit_length;
    uint32_t prompting; /* a reader has shown its prompt, and has no line yet */
    uint32_t prompt_length;
    uint32_t interrupted; /* ^C while nobody prompted */
    char edit[TERMINAL_LINE_MAX];
    char prompt[TERMINAL_PROMPT_MAX];
    struct screen_line line[SCREEN_LINES];
    char output[SCREEN_OUTPUT];
};

/* ---- port.c ---- */

/* Finds the device, and has its interrupt signal the notification. */
void port_open(uint64_t notification);

/* The interrupt may come again. */
void port_acknowledge(void);

/* Moves bytes both ways until the device has no more and takes no more. True: all is sent; with `drains` not only
 * to the device, but by it. */
_Bool port_pump(_Bool drains);

/* ---- screen.c ---- */

/* Takes over what the instance before has left. */
void screen_open(struct screen *memory);

/* Room for so many bytes of text, with all that is drawn around them? */
_Bool screen_has_room(size_t length);

void screen_write(uint64_t number, const char *text, size_t length);
void screen_prompt(const char *text, size_t length);

/* A character from the device. */
void screen_type(char character);
_Bool screen_wants_input(void);

/* The line behind number `last`, if it is there. */
const struct screen_line *screen_read(uint64_t last, uint64_t *number);

/* What is to be sent next: a run of bytes, and that so many have been sent. */
const char *screen_output(uint32_t *length);
void screen_sent(uint32_t length);

extern struct screen *screen;
