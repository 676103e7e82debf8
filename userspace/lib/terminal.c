/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the terminal, see weft/terminal.h.
 */
#include "weft/terminal.h"
#include "weft/client.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define ATTEMPTS 64u /* instances of the driver that may die with one request */

/* A number that no other write has: no thread makes two at one moment. */
static uint64_t fresh_number(void)
{
    return weft_cycles() << 16 | weft_thread_number();
}

/* Up to the last end of a line that fits, else as much as fits. */
static size_t piece_length(const char *text, size_t length)
{
    if (length <= TERMINAL_WRITE_MAX) {
        return length;
    }
    for (size_t end = TERMINAL_WRITE_MAX; end > 0; end--) {
        if (text[end - 1] == '\n') {
            return end;
        }
    }
    return TERMINAL_WRITE_MAX;
}

static status_t send(uint64_t service, enum terminal_operation operation, const char *text,
                     size_t length, uint64_t *number)
{
    struct terminal_request request = {.operation = operation, .number = fresh_number()};
    struct terminal_answer answer = {.number = *number};
    struct weft_call call = {
        .service = service,
        .request = &request,
        .answer = &answer,
        .send = text,
        .send_bytes = (uint32_t)length,
        .retries = ATTEMPTS,
    };
    status_t status;
    do {
        status = weft_call(&call);
    } while (status == STATUS_WOULD_BLOCK);
    *number = status == STATUS_OK ? answer.number : *number;
    return status;
}

status_t weft_terminal_write(uint64_t service, const char *text, size_t length)
{
    status_t status = STATUS_OK;
    uint64_t unused = 0;
    while (length > 0 && status == STATUS_OK) {
        size_t piece = piece_length(text, length);
        status = send(service, TERMINAL_WRITE, text, piece, &unused);
        text += piece;
        length -= piece;
    }
    return status;
}

status_t weft_terminal_drain(uint64_t service)
{
    uint64_t unused = 0;
    return send(service, TERMINAL_DRAIN, NULL, 0, &unused);
}

void weft_terminal_print(const char *format, ...)
{
    char text[CONSOLE_LINE_MAX + 1];
    uint64_t service = weft_capability("terminal");
    va_list arguments;
    if (service == 0) {
        return;
    }
    va_start(arguments, format);
    size_t length = weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    length = length < sizeof(text) ? length : CONSOLE_LINE_MAX;
    (void)weft_terminal_write(service, text, length); /* who would be told? */
}

status_t weft_terminal_prompt(struct weft_terminal *terminal, const char *text)
{
    size_t length = strnlen(text, TERMINAL_PROMPT_MAX);
    return send(terminal->service, TERMINAL_PROMPT, text, length, &terminal->last);
}

status_t weft_terminal_read(struct weft_terminal *terminal, char *text, size_t size,
                            enum terminal_input *kind)
{
    struct terminal_request request = {.operation = TERMINAL_READ, .number = terminal->last};
    struct terminal_answer answer = {0};
    struct weft_call call = {
        .service = terminal->service,
        .request = &request,
        .answer = &answer,
        .receive = text,
        .receive_bytes = (uint32_t)size - 1,
        .retries = ATTEMPTS,
    };
    status_t status = weft_call(&call);
    text[status == STATUS_OK ? call.received : 0] = '\0';
    *kind = (enum terminal_input)answer.kind;
    terminal->last = status == STATUS_OK ? answer.number : terminal->last;
    return status;
}

_Bool weft_terminal_interrupted(const struct weft_terminal *terminal, uint64_t deadline)
{
    struct terminal_request request = {.operation = TERMINAL_POLL};
    struct terminal_answer answer = {0};
    struct weft_call call = {
        .service = terminal->service,
        .request = &request,
        .answer = &answer,
        .deadline = deadline,
        .retries = ATTEMPTS,
    };
    return weft_call(&call) == STATUS_OK && answer.kind == TERMINAL_INTERRUPT;
}
