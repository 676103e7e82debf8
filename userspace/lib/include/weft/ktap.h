/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests that run in the guest and report in KTAP.
 *
 *     TEST(yield_returns, "a thread that yields runs again")
 *     {
 *         EXPECT_STATUS(STATUS_OK, weft_yield());
 *     }
 *     KTAP_MAIN
 *
 * Tests run in the order in which they stand in the file, one after the other; KTAP_MAIN stands once
 * per program and makes main(), whose value is the number of failed tests. EXPECT goes on after a
 * failure, REQUIRE leaves the test's function. Both may be used in any thread of the process while
 * the test runs (REQUIRE leaves that thread's function). What failed is printed at once as a
 * diagnostic line `# file:line: ...`, before the test's result line.
 */
#pragma once

#include <stdint.h>

#include "weft/abi.h"
#include "weft/arch.h"

struct ktap_test {
    const char *identifier;
    const char *description;
    void (*function)(void);
};

#define TEST(name, text)                                                                           \
    static void test_##name(void);                                                                 \
    static const struct ktap_test ktap_##name                                                      \
        __attribute__((section("ktap_tests"), used)) = {#name, text, test_##name};                 \
    static void test_##name(void)

#define KTAP_MAIN                                                                                  \
    int main(void)                                                                                 \
    {                                                                                              \
        return ktap_run();                                                                         \
    }

/* Is true? */
#define EXPECT(condition)                                                                          \
    ((condition) ? 1 : (ktap_failed(__FILE_NAME__, __LINE__, "EXPECT(" #condition ")"), 0))

/* Are two numbers the same? Prints both. */
#define EXPECT_EQUAL(wanted, actual)                                                               \
    ktap_equal(__FILE_NAME__, __LINE__, #actual, (uint64_t)(wanted), (uint64_t)(actual))

/* Did a system call return this status? Prints both by name. */
#define EXPECT_STATUS(wanted, actual)                                                              \
    ktap_status(__FILE_NAME__, __LINE__, #actual, (wanted), (actual))

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!EXPECT(condition)) {                                                                  \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define REQUIRE_STATUS(wanted, actual)                                                             \
    do {                                                                                           \
        if (!EXPECT_STATUS(wanted, actual)) {                                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Leaves the test as skipped, with the reason; only from the test's own function. */
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        ktap_skip(reason);                                                                         \
        return;                                                                                    \
    } while (0)

/* A diagnostic line: `# text`. */
void ktap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

int ktap_run(void);
void ktap_failed(const char *file, int line, const char *what);
_Bool ktap_equal(const char *file, int line, const char *what, uint64_t wanted, uint64_t actual);
_Bool ktap_status(const char *file, int line, const char *what, status_t wanted, status_t actual);
void ktap_skip(const char *reason);

/* "bad_handle" and the like; "?" for what the ABI does not know. */
const char *ktap_status_name(status_t status);
