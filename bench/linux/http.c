/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HTTP server: GET of files below a folder, HTTP/1.1, one process and one connection at a time. It does what
 * Weft's (userspace/servers/http) does for a request: reads up to the empty line, opens the file by its path, answers with
 * its size and what is in it, stays for the next. The body goes by sendfile(), Linux's shortest way, in one piece with the
 * head.
 */
#include "lab.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAX 4096

static _Bool send_all(int to, const char *text, size_t length, int flags)
{
    while (length > 0) {
        ssize_t sent = send(to, text, length, flags | MSG_NOSIGNAL);
        if (sent <= 0) {
            return 0;
        }
        text += sent;
        length -= (size_t)sent;
    }
    return 1;
}

static _Bool answer_file(int to, int file)
{
    struct stat about;
    char head[200];
    off_t at = 0;
    must(fstat(file, &about), "fstat");
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %ld\r\n"
                          "Connection: keep-alive\r\n\r\n",
                          about.st_size);
    _Bool good = send_all(to, head, (size_t)length, about.st_size > 0 ? MSG_MORE : 0);
    while (good && at < about.st_size) {
        good = sendfile(to, file, &at, (size_t)(about.st_size - at)) > 0;
    }
    return good;
}

/* `request` is one, with its empty line, and a NUL behind it. */
static _Bool answer(int to, char *request, const char *folder)
{
    static const char refusal[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    char path[REQUEST_MAX + 64];
    char *name = request + 4, *end = NULL;
    int file = -1;
    if (strncmp(request, "GET /", 5) == 0 && (end = strchr(name, ' ')) != NULL) {
        *end = '\0';
        (void)snprintf(path, sizeof(path), "%s%s", folder, name);
        file = strstr(name, "..") == NULL ? open(path, O_RDONLY) : -1;
    }
    if (file < 0) {
        return send_all(to, refusal, sizeof(refusal) - 1, 0);
    }
    _Bool good = answer_file(to, file);
    (void)close(file);
    return good;
}

static void serve_connection(int connection, const char *folder)
{
    char request[REQUEST_MAX + 1];
    size_t length = 0;
    for (;;) {
        ssize_t came = recv(connection, request + length, REQUEST_MAX - length, 0);
        if (came <= 0) {
            return; /* the client has gone, or its request is too long */
        }
        length += (size_t)came;
        request[length] = '\0';
        for (char *end; (end = strstr(request, "\r\n\r\n")) != NULL;) {
            char *next = end + 4;
            *end = '\0';
            if (!answer(connection, request, folder)) {
                return;
            }
            length -= (size_t)(next - request);
            memmove(request, next, length + 1);
        }
    }
}

void http_serve(int listener, const char *folder)
{
    int one = 1;
    for (;;) {
        int connection = (int)must(accept(listener, NULL, NULL), "accept");
        must(setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
        serve_connection(connection, folder);
        (void)close(connection);
    }
}
