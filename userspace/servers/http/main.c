/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for HTTP/1.1: GET and HEAD of files, connections that stay for several requests.
 *
 * It is given
 *
 *     net        the network server
 *     http       its endpoint, right read: any message is answered with how much was served
 *     files      the file system, whose files it serves; or
 *     initrd     the boot image, whose files it serves then
 *
 * Arguments: port=N (80), workers=N (8). Each worker is a thread with one connection at a time: it waits in one call
 * for the next part of a request, or for room for the answer, and the network server ends that wait when the client is
 * too slow. When the network server dies, a worker's connection is lost, and the listener listens again by itself.
 */
#include "http.h"

#include "weft/atomic.h"
#include "weft/layout.h"
#include "weft/log.h"
#include "weft/print.h"
#include "weft/service.h"
#include "weft/socket.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"
#include "weft/time.h"

#define PATIENCE 15000000ull /* microseconds without anything from a client */

struct worker {
    struct weft_socket socket;
    char head[HEAD_MAX];
    size_t length; /* of what has come in it */
    uint64_t sent; /* bytes of files */
};

static struct weft_service service;
static struct weft_net net;
static struct weft_listener listener = {.net = &net, .backlog = WEFT_BACKLOG_MAX};
static struct worker workers[WORKERS_MAX];
static uint32_t connections, requests, refusals; /* atomic: figures for people */

static uint64_t patience(void)
{
    return weft_deadline(PATIENCE);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

/* Sends what was put into the window. */
static bool flush(struct worker *worker, size_t count)
{
    return weft_socket_send_window(&worker->socket, count, patience()) == (int64_t)count;
}

/* The head of an answer, in the window; its length. */
static size_t write_head(struct worker *worker, int status, uint64_t bytes, const char *type,
                         bool keep)
{
    return weft_format((char *)weft_socket_window(&worker->socket)->out, HEAD_MAX,
                       "HTTP/1.1 %d %s\r\nServer: weft\r\nContent-Length: %lu\r\n"
                       "Content-Type: %s\r\n%sConnection: %s\r\n\r\n",
                       status, status_text(status), bytes, type,
                       status == 405 ? "Allow: GET, HEAD\r\n" : "", keep ? "keep-alive" : "close");
}

static bool refuse(struct worker *worker, const struct request *request, int status)
{
    char text[64];
    size_t bytes = weft_format(text, sizeof(text), "%d %s\n", status, status_text(status));
    size_t head = write_head(worker, status, bytes, "text/plain", request->keep);

    (void)weft_fetch_add(&refusals, 1);
    if (request->method != METHOD_HEAD) {
        memcpy(weft_socket_window(&worker->socket)->out + head, text, bytes);
        head += bytes;
    }
    return flush(worker, head);
}

/* The head and the whole file, a window at a time. */
static bool send_file(struct worker *worker, const struct request *request, struct content *content)
{
    uint8_t *out = weft_socket_window(&worker->socket)->out;
    size_t used =
        write_head(worker, 200, content->size, content_type(request->path), request->keep);
    uint64_t left = request->method == METHOD_HEAD ? 0 : content->size, at = 0;

    do {
        size_t now = left < WEFT_WINDOW_BYTES - used ? left : WEFT_WINDOW_BYTES - used;
        if (now > 0 && !content_read(content, at, out + used, now)) {
            return false; /* the client sees an answer that is too short, and no other */
        }
        if (!flush(worker, used + now)) {
            return false;
        }
        at += now;
        left -= now;
        used = 0;
    } while (left > 0);
    return true;
}

/* One request. False: the connection ends. */
static bool answer(struct worker *worker, size_t head)
{
    struct request request;
    struct content content;
    int status = request_read(worker->head, head, &request);

    (void)weft_fetch_add(&requests, 1);
    if (status == 200) {
        status = content_open(&content, request.path);
    }
    if (status != 200) {
        return refuse(worker, &request, status) && request.keep;
    }
    bool good = send_file(worker, &request, &content);
    content_close(&content);
    return good && request.keep;
}

/* ---- connections ------------------------------------------------------------------------------------ */

/* Receives until there is a head; its length, or 0: the connection ends. */
static size_t receive_head(struct worker *worker)
{
    static const struct request nothing = {.method = METHOD_GET};

    for (;;) {
        size_t head = request_head(worker->head, worker->length);
        if (head != 0) {
            return head;
        }
        if (worker->length == HEAD_MAX) {
            (void)refuse(worker, &nothing, 431);
            return 0;
        }
        int64_t came = weft_socket_receive(&worker->socket, worker->head + worker->length,
                                           HEAD_MAX - worker->length, patience());
        if (came == STATUS_TIMED_OUT && worker->length > 0) {
            (void)refuse(worker, &nothing, 408);
        }
        if (came <= 0) {
            return 0;
        }
        worker->length += (size_t)came;
    }
}

/* Lets the client read what it was sent: a connection that is closed while something comes is reset, and what is
 * under way is lost. */
static void part(struct worker *worker)
{
    uint64_t deadline = weft_deadline(PATIENCE / 10);

    if (weft_socket_shutdown(&worker->socket) == 0) {
        while (weft_socket_receive_window(&worker->socket, WEFT_WINDOW_BYTES, deadline) > 0) {
        }
    }
    weft_socket_close(&worker->socket);
}

static void serve(struct worker *worker)
{
    size_t head;

    (void)weft_fetch_add(&connections, 1);
    worker->length = 0;
    while ((head = receive_head(worker)) != 0) {
        bool more = answer(worker, head);
        memmove(worker->head, worker->head + head, worker->length - head);
        worker->length -= head;
        if (!more) {
            break;
        }
    }
    part(worker);
}

static void work(void *argument)
{
    struct worker *worker = argument;

    for (;;) {
        int64_t result = weft_listener_accept(&listener, &worker->socket, NULL, 0);
        if (result == 0) {
            serve(worker);
        } else if (result == WEFT_NET_FULL || result == WEFT_NET_IN_USE) {
            weft_sleep_for(10000); /* others have it: until they let go */
        } else {
            weft_fail("no connections can be had: %s (%ld)", weft_net_error_text(result), result);
        }
    }
}

/* ---- the service ------------------------------------------------------------------------------------ */

static void begin(uint64_t count)
{
    const char *problem = content_begin();
    if (problem != NULL) {
        weft_fail("there are no files: %s", problem);
    }
    status_t status =
        weft_net_open(&net, weft_capability("net"), WEFT_FREE_BASE, (uint32_t)count + 2);
    if (status != STATUS_OK) {
        weft_fail("there is no network (status %ld)", status);
    }
    int64_t result = weft_listener_begin(&listener);
    if (result < 0) {
        weft_fail("port %u cannot be had: %s", listener.address.port, weft_net_error_text(result));
    }
    for (uint64_t i = 0; i < count; i++) {
        uint32_t cpu = (uint32_t)((weft_startup()->cpu + i) % weft_startup()->cpu_count);
        if (weft_thread_start(NULL, "worker", cpu, WEFT_PRIORITY_DEFAULT, work, &workers[i]) !=
            STATUS_OK) {
            weft_fail("no thread can be started");
        }
    }
}

int main(void)
{
    uint64_t count = weft_argument_number("workers", 8);

    if (count == 0 || count > WORKERS_MAX) {
        weft_fail("workers must be 1 to %u", WORKERS_MAX);
    }
    weft_service_open(&service, "http");
    listener.address.port = (uint16_t)weft_argument_number("port", 80);
    begin(count);
    for (;;) {
        weft_service_next(&service);
        uint64_t *words = weft_answer_words(&service);
        words[0] = STATUS_OK;
        words[1] = weft_fetch_add(&connections, 0);
        words[2] = weft_fetch_add(&requests, 0);
        words[3] = weft_fetch_add(&refusals, 0);
    }
}
