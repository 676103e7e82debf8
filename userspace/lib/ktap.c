/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the tests of a program and prints KTAP version 1: the plan, one result line per test with the
 * test's identifier as its name, diagnostics before it, and a line of totals at the end. The plan
 * comes first and the totals last, so that a program that dies on the way is seen to have lost
 * results.
 */
#include "weft/ktap.h"
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"

#define FAILURES_MAX 90 /* exit statuses above are init's */

extern const struct ktap_test ktap_tests_start[];
extern const struct ktap_test ktap_tests_end[];

static uint32_t failures;       /* atomic: of the test that runs */
static const char *skip_reason; /* of the test that runs */

void ktap_note(const char *format, ...)
{
    char text[CONSOLE_LINE_MAX - 4];
    va_list arguments;
    va_start(arguments, format);
    weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    weft_print("# %s\n", text);
}

void ktap_failed(const char *file, int line, const char *what)
{
    weft_fetch_add(&failures, 1); /* [ktap.failures] release: see run_one() */
    ktap_note("%s:%d: %s", file, line, what);
}

_Bool ktap_equal(const char *file, int line, const char *what, uint64_t wanted, uint64_t actual)
{
    if (wanted == actual) {
        return 1;
    }
    weft_fetch_add(&failures, 1);
    ktap_note("%s:%d: %s is %lu (0x%lx), not %lu (0x%lx)", file, line, what, actual, actual, wanted,
              wanted);
    return 0;
}

const char *ktap_status_name(status_t status)
{
    static const char *const names[] = WEFT_STATUS_NAMES;
    uint64_t index = (uint64_t)-status;
    return index < sizeof(names) / sizeof(names[0]) && names[index] ? names[index] : "?";
}

_Bool ktap_status(const char *file, int line, const char *what, status_t wanted, status_t actual)
{
    if (wanted == actual) {
        return 1;
    }
    weft_fetch_add(&failures, 1);
    ktap_note("%s:%d: %s is %s (%ld), not %s", file, line, what, ktap_status_name(actual), actual,
              ktap_status_name(wanted));
    return 0;
}

void ktap_skip(const char *reason)
{
    skip_reason = reason;
}

struct totals {
    unsigned passed;
    unsigned failed;
    unsigned skipped;
};

/* Runs one test and prints its result line. */
static void run_one(unsigned number, const struct ktap_test *test, struct totals *totals)
{
    failures = 0;
    skip_reason = NULL;
    test->function();
    /* [ktap.failures] acquire: what the test's threads counted, and printed before, comes first. */
    uint32_t failed = weft_load_acquire(&failures);
    if (failed > 0) {
        totals->failed++;
        weft_print("not ok %u %s\n", number, test->identifier);
    } else if (skip_reason != NULL) {
        totals->skipped++;
        weft_print("ok %u %s # SKIP %s\n", number, test->identifier, skip_reason);
    } else {
        totals->passed++;
        weft_print("ok %u %s\n", number, test->identifier);
    }
}

/* The argument `only=<identifier>` runs a single test. */
int ktap_run(void)
{
    char only[64] = "";
    (void)weft_argument("only", only, sizeof(only));
    unsigned count = 0;
    for (const struct ktap_test *test = ktap_tests_start; test < ktap_tests_end; test++) {
        count += only[0] == '\0' || strcmp(only, test->identifier) == 0;
    }
    weft_print("KTAP version 1\n1..%u\n", count);
    unsigned number = 0;
    struct totals totals = {0};
    for (const struct ktap_test *test = ktap_tests_start; test < ktap_tests_end; test++) {
        if (only[0] != '\0' && strcmp(only, test->identifier) != 0) {
            continue;
        }
        weft_print("# %s: %s\n", test->identifier, test->description);
        run_one(++number, test, &totals);
    }
    weft_print("# Totals: pass:%u fail:%u skip:%u\n", totals.passed, totals.failed, totals.skipped);
    if (count == 0) {
        return 1; /* a program that tests nothing has not passed */
    }
    return totals.failed < FAILURES_MAX ? (int)totals.failed : FAILURES_MAX;
}
