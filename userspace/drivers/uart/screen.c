/* SPDX-License-Identifier: Apache-2.0
 *
 * What is shown, and what is typed. Everything here is in memory that outlives the instance; uart.h says in which
 * order it is written.
 *
 * While a reader prompts, its prompt and what was typed so far stand in the last row: text of others erases the
 * row, and draws it again below. What is typed while nobody prompts is shown when somebody does: so the
 * terminal looks the same however early somebody types.
 */
#include "uart.h"

#include "weft/atomic.h"
#include "weft/log.h"
#include "weft/string.h"

#define ROOM_TO_DRAW (2 * (TERMINAL_LINE_MAX + TERMINAL_PROMPT_MAX) + 32u)
#define ERASE "\r\x1b[K"

#define KEY_INTERRUPT 0x03 /* ^C */
#define KEY_END 0x04       /* ^D */
#define KEY_BACKSPACE 0x08
#define KEY_KILL 0x15 /* ^U */
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f

struct screen *screen;
static uint64_t staged;    /* output up to here is laid out, and does not count yet */
static uint64_t browsed;   /* the line of the history that is edited; 0: none */
static uint32_t escape;    /* characters of an escape sequence that have come */
static _Bool after_return; /* a newline that comes now belongs to it */

/* ---- output ----------------------------------------------------------------------------------------- */

static void put(char character)
{
    if (staged - screen->tail < SCREEN_OUTPUT) {
        screen->output[staged++ % SCREEN_OUTPUT] = character;
    }
}

static void put_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            put('\r');
        }
        put(text[i]);
    }
}

static void put_string(const char *text)
{
    put_text(text, strlen(text));
}

static void commit(void)
{
    /* [screen.head] release: the text is there before it counts. Pairs with the next instance. */
    weft_store64_release(&screen->head, staged);
}

/* The reader's row: nothing is typed ahead of what it shows. */
static _Bool is_shown(void)
{
    return screen->prompting != 0 && screen->delivered == screen->lines;
}

static void draw_row(void)
{
    put_text(screen->prompt, screen->prompt_length);
    if (is_shown()) {
        put_text(screen->edit, screen->edit_length);
    }
}

static void redraw(void)
{
    if (screen->prompting != 0) {
        put_string(ERASE);
        draw_row();
        commit();
    }
}

_Bool screen_has_room(size_t length)
{
    return SCREEN_OUTPUT - (screen->head - screen->tail) >= 2 * (length + 1) + ROOM_TO_DRAW;
}

static _Bool was_taken(uint64_t number)
{
    for (uint32_t i = 0; i < SCREEN_WRITES; i++) {
        if (screen->taken[i] == number) {
            return 1;
        }
    }
    return 0;
}

static void note_taken(uint64_t number)
{
    screen->taken[screen->writes % SCREEN_WRITES] = number;
    weft_store64_release(&screen->writes, screen->writes + 1); /* [screen.head], as commit() */
}

void screen_write(uint64_t number, const char *text, size_t length)
{
    if (length == 0 || was_taken(number)) {
        return;
    }
    if (screen->prompting != 0) {
        put_string(ERASE);
    }
    put_text(text, length);
    if (text[length - 1] != '\n') {
        put_string("\n");
    }
    if (screen->prompting != 0) {
        draw_row();
    }
    /* [screen.head] release, each: what is noted never belongs to another write. As commit(). */
    weft_store64_release(&screen->writing_head, 0);
    weft_store64_release(&screen->writing, number);
    weft_store64_release(&screen->writing_head, staged);
    commit();
    note_taken(number);
}

void screen_prompt(const char *text, size_t length)
{
    if (screen->prompting != 0) {
        put_string(ERASE);
    }
    screen->prompt_length = (uint32_t)(length < TERMINAL_PROMPT_MAX ? length : TERMINAL_PROMPT_MAX);
    memcpy(screen->prompt, text, screen->prompt_length);
    screen->interrupted = 0;
    screen->prompting = 1;
    draw_row();
    commit();
}

const char *screen_output(uint32_t *length)
{
    uint64_t begin = screen->tail % SCREEN_OUTPUT, count = screen->head - screen->tail;
    uint64_t run = SCREEN_OUTPUT - begin;
    *length = (uint32_t)(count < run ? count : run);
    return &screen->output[begin];
}

void screen_sent(uint32_t length)
{
    /* [screen.tail] release: it has been sent. Pairs with the next instance. */
    weft_store64_release(&screen->tail, screen->tail + length);
}

/* ---- input ------------------------------------------------------------------------------------------ */

_Bool screen_wants_input(void)
{
    return screen->lines - screen->delivered < SCREEN_LINES - 1 && screen_has_room(0);
}

static void edit_begin(void)
{
    screen->edit_length = 0;
    weft_store64_release(&screen->edit_line, screen->lines); /* [screen.lines], as complete() */
    browsed = 0;
}

/* What is edited becomes a line. */
static void complete(enum terminal_input kind, const char *end)
{
    struct screen_line *line = &screen->line[(screen->lines + 1) % SCREEN_LINES];
    _Bool shown = is_shown();
    if (shown) {
        put_string(end);
        commit();
    }
    *line = (struct screen_line){.kind = kind, .shown = shown, .length = screen->edit_length};
    memcpy(line->text, screen->edit, screen->edit_length);
    /* [screen.lines] release: the line is complete. Pairs with the next instance. */
    weft_store64_release(&screen->lines, screen->lines + 1);
    edit_begin();
    if (shown) {
        screen->prompting = 0;
    }
}

static void interrupt(void)
{
    screen->edit_length = 0;
    if (screen->prompting == 0) {
        screen->interrupted = 1;
        put_string("^C\n");
        commit();
        return;
    }
    complete(TERMINAL_INTERRUPT, "^C\n");
}

static void replace_edit(const char *text, uint32_t length)
{
    memcpy(screen->edit, text, length);
    screen->edit_length = length;
    if (is_shown()) {
        redraw();
    }
}

/* The history: lines that were typed, as far as they are kept. `step` is -1 for older ones, 1 for newer ones. */
static void browse(int step)
{
    uint64_t oldest = screen->lines > SCREEN_LINES - 2 ? screen->lines - (SCREEN_LINES - 2) : 1;
    uint64_t at = browsed != 0 ? browsed : screen->lines + 1;
    do {
        at += (uint64_t)(int64_t)step;
    } while (at >= oldest && at <= screen->lines &&
             screen->line[at % SCREEN_LINES].kind != TERMINAL_LINE);
    if (at > screen->lines) {
        browsed = 0;
        replace_edit("", 0);
    } else if (at >= oldest) {
        const struct screen_line *line = &screen->line[at % SCREEN_LINES];
        browsed = at;
        replace_edit(line->text, line->length);
    }
}

static void insert(char character)
{
    if (screen->edit_length >= TERMINAL_LINE_MAX - 1) {
        put('\a');
    } else {
        screen->edit[screen->edit_length] = character;
        screen->edit_length++;
        if (is_shown()) {
            put(character);
        }
    }
    commit();
}

static void backspace(void)
{
    if (screen->edit_length == 0) {
        return;
    }
    do { /* a character of UTF-8 goes as a whole */
        screen->edit_length--;
    } while (screen->edit_length > 0 && (screen->edit[screen->edit_length] & 0xc0) == 0x80);
    if (is_shown()) {
        put_string("\b \b");
        commit();
    }
}

/* ESC [ A and the like; true while it goes on. */
static _Bool take_escape(char character)
{
    if (escape == 1 && (character == '[' || character == 'O')) {
        escape = 2;
        return 1;
    }
    if (escape == 2) {
        escape = (character >= '0' && character <= '9') || character == ';' ? 2 : 0;
        if (character == 'A' || character == 'B') {
            browse(character == 'A' ? -1 : 1);
        }
        return 1;
    }
    escape = 0;
    return 0;
}

static void take_control(char character)
{
    switch (character) {
    case '\r':
    case '\n':
        complete(TERMINAL_LINE, "\n");
        break;
    case KEY_BACKSPACE:
    case KEY_DELETE:
        backspace();
        break;
    case KEY_KILL:
        replace_edit("", 0);
        break;
    case KEY_INTERRUPT:
        interrupt();
        break;
    case KEY_END:
        if (screen->edit_length == 0) {
            complete(TERMINAL_END, "\n");
        }
        break;
    case KEY_ESCAPE:
        escape = 1;
        break;
    default: /* means nothing here */
        break;
    }
}

void screen_type(char character)
{
    _Bool again = after_return && character == '\n';
    after_return = character == '\r';
    if (again || (escape != 0 && take_escape(character))) {
        return;
    }
    if ((uint8_t)character >= ' ' && character != KEY_DELETE) {
        insert(character);
    } else {
        take_control(character);
    }
}

/* ---- readers ---------------------------------------------------------------------------------------- */

const struct screen_line *screen_read(uint64_t last, uint64_t *number)
{
    _Bool again = last + 1 == screen->delivered; /* its answer was lost with an instance */
    *number = again ? screen->delivered : screen->delivered + 1;
    if (*number > screen->lines) {
        return NULL;
    }
    struct screen_line *line = &screen->line[*number % SCREEN_LINES];
    if (screen->prompting != 0 && line->shown == 0) {
        put_text(line->text, line->length);
        put_string(line->kind == TERMINAL_INTERRUPT ? "^C\n" : "\n");
        commit();
        line->shown = 1;
    }
    screen->prompting = 0;
    /* [screen.delivered] release: it is shown. Pairs with the next instance. */
    weft_store64_release(&screen->delivered, *number);
    return line;
}

/* ---- from one instance to the next ------------------------------------------------------------------ */

static _Bool is_sound(void)
{
    return screen->head - screen->tail <= SCREEN_OUTPUT &&
           screen->lines - screen->delivered < SCREEN_LINES &&
           screen->lines - screen->edit_line <= 1 && screen->edit_length < TERMINAL_LINE_MAX &&
           screen->prompt_length <= TERMINAL_PROMPT_MAX;
}

void screen_open(struct screen *memory)
{
    screen = memory;
    if (!is_sound()) {
        weft_log(WEFT_LOG_WARNING,
                 "what the instance before has left makes no sense, and is dropped");
        memset(screen, 0, sizeof(*screen));
    }
    for (uint32_t i = 0; i < SCREEN_LINES; i++) {
        uint32_t length = screen->line[i].length;
        screen->line[i].length = length < TERMINAL_LINE_MAX ? length : 0;
    }
    staged = screen->head;
    if (screen->writing_head == screen->head && !was_taken(screen->writing)) {
        note_taken(screen->writing);
    }
    screen->writing_head = 0;
    if (screen->edit_line != screen->lines) {
        edit_begin();
    }
    if (screen->taking != 0) {
        weft_log(WEFT_LOG_WARNING, "the instance before has ended with a character in its hands");
        screen->taking = 0;
    }
    redraw();
}
