/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client asks for (RFC 9112): the request's head, and the path in it.
 *
 * Nothing is guessed. A line that is not as it must be is answered with 400 and the end of the connection, so that two who
 * read the same bytes never see different requests in them. Bodies are not taken: a request that has one is
 * answered with 413, and the connection ends.
 */
#include "http.h"

#include "weft/string.h"

#define METHOD_MAX 16u

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Are these the same but for the size of letters? `name` is in small ones. */
static bool is_name(const char *text, size_t length, const char *name)
{
    size_t i = 0;

    while (i < length && name[i] != '\0' && lower(text[i]) == name[i]) {
        i++;
    }
    return i == length && name[i] == '\0';
}

size_t request_head(const char *text, size_t length)
{
    for (size_t i = 0; i + 4 <= length; i++) {
        if (text[i] == '\r' && memcmp(&text[i], "\r\n\r\n", 4) == 0) {
            return i + 4;
        }
    }
    return 0;
}

/* ---- the path ------------------------------------------------------------------------------------- */

static int digit(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a target, of which `*used` are taken. Negative: it is not one that may stand there. */
static int decode(const char *text, size_t length, size_t *used)
{
    *used = 1;
    if (text[0] == '%') {
        int high = length > 2 ? digit(text[1]) : -1, low = length > 2 ? digit(text[2]) : -1;
        *used = 3;
        return high < 0 || low < 0 ? -1 : high << 4 | low;
    }
    return text[0] > ' ' && text[0] < 0x7f ? text[0] : -1;
}

/* Is every part of the path a name? */
static bool has_good_parts(const char *path)
{
    while (*path == '/') {
        const char *part = ++path;
        while (*path != '\0' && *path != '/') {
            path++;
        }
        size_t length = (size_t)(path - part);
        if ((length == 0 && *path == '/') || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
    }
    return true;
}

/* From what stands in the request's line to a path; 200, or a status. */
static int read_target(const char *text, size_t length, char *path)
{
    size_t out = 0, used;

    if (length > 7 && is_name(text, 7, "http://")) { /* as proxies are asked */
        size_t slash = 7;
        while (slash < length && text[slash] != '/') {
            slash++;
        }
        text += slash;
        length -= slash;
    }
    if (length == 0 || text[0] != '/') {
        return 400;
    }
    for (size_t i = 0; i < length && text[i] != '?'; i += used) {
        int c = decode(text + i, length - i, &used);
        if (c <= 0) {
            return 400;
        }
        if (out + 1 == PATH_MAX) {
            return 414;
        }
        path[out++] = (char)c;
    }
    path[out] = '\0';
    return has_good_parts(path) ? 200 : 400;
}

/* ---- lines ---------------------------------------------------------------------------------------- */

/* `GET /path HTTP/1.1`; 200, or a status. */
static int read_first_line(const char *line, size_t length, struct request *out)
{
    size_t method = 0, target;

    while (method < length && is_token(line[method])) {
        method++;
    }
    if (method == 0 || method > METHOD_MAX || method == length || line[method] != ' ') {
        return 400;
    }
    target = method + 1;
    while (target < length && line[target] != ' ') {
        target++;
    }
    const char *version = line + target + 1;
    if (length - target != 9 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
        digit(version[5]) < 0 || digit(version[7]) < 0) {
        return 400;
    }
    if (version[5] != '1') {
        return 505;
    }
    out->keep = version[7] != '0';
    if (method == 3 && memcmp(line, "GET", 3) == 0) {
        out->method = METHOD_GET;
    } else if (method == 4 && memcmp(line, "HEAD", 4) == 0) {
        out->method = METHOD_HEAD;
    } else {
        static const char *const known[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (method == strlen(known[i]) && memcmp(line, known[i], method) == 0) {
                return 405;
            }
        }
        return 501;
    }
    return read_target(line + method + 1, target - method - 1, out->path);
}

/* One of a list with commas. */
static bool has_word(const char *text, size_t length, const char *word)
{
    size_t at = 0;

    while (at < length) {
        size_t end = at;
        while (end < length && text[end] != ',') {
            end++;
        }
        size_t first = at, last = end;
        while (first < last && (text[first] == ' ' || text[first] == '\t')) {
            first++;
        }
        while (last > first && (text[last - 1] == ' ' || text[last - 1] == '\t')) {
            last--;
        }
        if (is_name(text + first, last - first, word)) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* Is it this, and no list? */
static bool is_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ',') {
            return false;
        }
    }
    return has_word(text, length, word);
}

/* `Name: value`; 200, or a status. */
static int read_field(const char *line, size_t length, struct request *out, unsigned *hosts)
{
    size_t name = 0, from;

    while (name < length && is_token(line[name])) {
        name++;
    }
    if (name == 0 || name == length || line[name] != ':') {
        return 400;
    }
    from = name + 1;
    for (size_t i = from; i < length; i++) {
        if ((line[i] >= 0 && line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) {
            return 400;
        }
    }
    const char *value = line + from;
    size_t bytes = length - from;
    if (is_name(line, name, "host")) {
        (*hosts)++;
    } else if (is_name(line, name, "connection")) {
        out->keep = has_word(value, bytes, "close")
                        ? false
                        : out->keep || has_word(value, bytes, "keep-alive");
    } else if (is_name(line, name, "transfer-encoding") ||
               (is_name(line, name, "content-length") && !is_word(value, bytes, "0"))) {
        return 413;
    }
    return 200;
}

int request_read(const char *head, size_t length, struct request *out)
{
    unsigned hosts = 0;
    bool first = true, named = false;
    int status = 200;

    *out = (struct request){.method = METHOD_GET};
    for (size_t at = 0; status == 200 && at + 2 < length;) {
        size_t end = at;
        while (memcmp(&head[end], "\r\n", 2) != 0) {
            end++;
        }
        status = first ? read_first_line(head + at, end - at, out)
                       : read_field(head + at, end - at, out, &hosts);
        named |= first && !out->keep; /* HTTP/1.0 names no host */
        first = false;
        at = end + 2;
    }
    if (status == 200 && (hosts > 1 || (hosts == 0 && !named))) {
        status = 400;
    }
    out->keep = out->keep && status == 200;
    return status;
}

/* ---- words ---------------------------------------------------------------------------------------- */

const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

const char *content_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/plain; charset=utf-8"},
        {".css", "text/css"},
        {".js", "text/javascript"},
        {".json", "application/json"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".svg", "image/svg+xml"},
    };
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t end = strlen(types[i][0]);
        if (length > end && strcmp(path + length - end, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}
