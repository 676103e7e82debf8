/* SPDX-License-Identifier: Apache-2.0
 *
 * Capabilities with messages: given with a call and with an answer, between processes, with client,
 * server and endpoint on one CPU and on different ones; what may not be given, and what happens when
 * there is no room.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_ipc_capabilities"
#include "child.h"

#define PAGES 2
#define WORD 0x7765667477656674ull

enum request { REQUEST_STOP, REQUEST_SIGNAL, REQUEST_MEMORY, REQUEST_COUNT, REQUEST_FILL };

/* ---- a server in a process of its own ---------------------------------------------------------- */

/* Answers with a memory object that holds WORD, which the client may only read. */
static void give_memory(struct weft_message *message, struct weft_ipc *ipc)
{
    static uint64_t word = WORD;
    uint64_t memory;

    message->words[0] = (uint64_t)weft_memory_create(PAGES, &memory);
    message->words[1] = (uint64_t)weft_memory_write(memory, 0, (uint64_t)&word, sizeof(word));
    ipc->send_count = 1;
    ipc->send_handles[0] = (uint32_t)memory;
    ipc->send_rights[0] = RIGHT_READ | RIGHT_COPY;
}

/* Fills its table, so that nothing more fits. */
static uint64_t fill_table(void)
{
    uint64_t handle, count = 0;
    while (weft_notification_create(0, &handle) == STATUS_OK) {
        count++;
    }
    return count;
}

static int role_server(uint64_t value)
{
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {.receive_count = IPC_HANDLES_MAX};
    uint64_t endpoint = weft_capability("endpoint"), badge;
    (void)value;

    for (;;) {
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        uint32_t handles = came < 0 ? 0 : WEFT_IPC_HANDLES(came);
        enum request request = (enum request)message.words[0];

        if (came < 0) {
            return 1;
        }
        ipc.send_count = 0;
        message = (struct weft_message){{0, handles, handles > 0 ? ipc.receive_handles[0] : 0}};
        if (request == REQUEST_STOP) {
            return weft_ipc_reply(&message, NULL) == STATUS_OK ? 0 : 1;
        }
        if (request == REQUEST_SIGNAL) { /* on each that came; the last one also with too much */
            for (uint32_t i = 0; i < handles; i++) {
                message.words[0] |=
                    (uint64_t)weft_notification_signal(ipc.receive_handles[i], 1ull << i);
                message.words[3] |= (uint64_t)(weft_notification_wait(ipc.receive_handles[i], 0,
                                                                      &badge) != STATUS_NO_RIGHT);
                (void)weft_cap_delete(ipc.receive_handles[i]);
            }
        } else if (request == REQUEST_MEMORY) {
            give_memory(&message, &ipc);
        } else if (request == REQUEST_FILL) {
            message.words[3] = fill_table();
        }
    }
}

struct scene {
    struct child server;
    uint64_t endpoint;
};

static _Bool scene_open(struct scene *scene, uint32_t server_cpu, uint32_t endpoint_cpu)
{
    if (!EXPECT_STATUS(STATUS_OK, weft_endpoint_create(endpoint_cpu, &scene->endpoint))) {
        return 0;
    }
    struct weft_grant grants[] = {{"endpoint", scene->endpoint, RIGHT_READ, 0}};
    return child_start(&scene->server, "server", server_cpu, grants, 1);
}

static void scene_close(struct scene *scene)
{
    struct weft_message stop = {{REQUEST_STOP}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(scene->endpoint, &stop));
    struct weft_end end = child_wait(&scene->server);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(&scene->server);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(scene->endpoint));
}

/* Runs a test with the server and the endpoint on all of up to three CPUs. */
static void everywhere(void (*test)(struct scene *scene))
{
    uint32_t cpus = cpu_count() < 3 ? cpu_count() : 3;
    for (uint32_t place = 0; place < cpus * cpus; place++) {
        struct scene scene;
        REQUIRE(scene_open(&scene, place / cpus, place % cpus));
        test(&scene);
        scene_close(&scene);
    }
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void give_notifications(struct scene *scene)
{
    struct weft_message message = {{REQUEST_SIGNAL}};
    struct weft_ipc ipc = {.send_count = IPC_HANDLES_MAX};
    uint64_t handles[IPC_HANDLES_MAX], bits;

    for (uint32_t i = 0; i < IPC_HANDLES_MAX; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(i % cpu_count(), &handles[i]));
        ipc.send_handles[i] = (uint32_t)handles[i];
        ipc.send_rights[i] = RIGHT_WRITE;
    }
    EXPECT_STATUS(STATUS_OK, weft_ipc_call_with(scene->endpoint, &message, &ipc));
    EXPECT_EQUAL(0, message.words[0]); /* each could be signalled */
    EXPECT_EQUAL(IPC_HANDLES_MAX, message.words[1]);
    EXPECT_EQUAL(0, message.words[3]); /* and none waited for */
    for (uint32_t i = 0; i < IPC_HANDLES_MAX; i++) {
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(handles[i], 0, &bits));
        EXPECT_EQUAL(1ull << i, bits);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

TEST(capabilities_go_with_a_call, "the server can use them, with the rights that were given")
{
    everywhere(give_notifications);
}

static void get_memory(struct scene *scene)
{
    struct weft_message message = {{REQUEST_MEMORY}};
    struct weft_ipc ipc = {.receive_count = 2};
    volatile uint64_t *place = (volatile uint64_t *)0x5000000000ull;
    uint64_t memory;

    status_t came = weft_ipc_call_with(scene->endpoint, &message, &ipc);
    REQUIRE(came >= 0);
    REQUIRE(WEFT_IPC_HANDLES(came) == 1);
    memory = ipc.receive_handles[0];
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_map(HANDLE_SELF, memory, (uint64_t)place, 0, PAGES,
                                                   RIGHT_READ | RIGHT_WRITE));
    REQUIRE_STATUS(STATUS_OK,
                   weft_memory_map(HANDLE_SELF, memory, (uint64_t)place, 0, PAGES, RIGHT_READ));
    EXPECT_EQUAL(WORD, *place);
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, (uint64_t)place, PAGES));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(capabilities_come_with_an_answer, "memory that a server shares, and that one may only read")
{
    everywhere(get_memory);
}

/* ---- what cannot be given ---------------------------------------------------------------------- */

TEST(no_more_can_be_given_than_one_has, "rights, the right to copy, stale handles")
{
    struct scene scene;
    struct weft_message message = {{REQUEST_COUNT}};
    struct weft_ipc ipc = {.send_count = 1, .send_rights = {RIGHT_WRITE}};
    uint64_t handle, bound;

    REQUIRE(scene_open(&scene, other_cpu(), 0));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &handle));
    ipc.send_handles[0] = (uint32_t)handle;
    ipc.send_rights[0] = RIGHT_WRITE | RIGHT_MANAGE;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_ipc_call_with(scene.endpoint, &message, &ipc));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_WRITE, 0, &bound));
    ipc.send_handles[0] = (uint32_t)bound; /* without the right to copy */
    ipc.send_rights[0] = RIGHT_WRITE;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_ipc_call_with(scene.endpoint, &message, &ipc));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(bound));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call_with(scene.endpoint, &message, &ipc));
    ipc.send_handles[0] = 0;
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_send(scene.endpoint, &message, &ipc));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    scene_close(&scene);
}

TEST(who_wants_none_gets_none, "an answer's capability to a client that did not ask for it")
{
    struct scene scene;
    struct weft_message message = {{REQUEST_MEMORY}};

    REQUIRE(scene_open(&scene, other_cpu(), 0));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(scene.endpoint, &message));
    EXPECT_EQUAL(0, message.words[0]);
    scene_close(&scene);
}

TEST(a_full_table_takes_no_more, "the message arrives, the handle is 0, and nothing leaks")
{
    struct scene scene;
    struct weft_message message = {{REQUEST_FILL}};
    struct weft_ipc ipc = {.send_count = 1, .send_rights = {RIGHT_WRITE}};
    uint64_t handle, bits;

    REQUIRE(scene_open(&scene, other_cpu(), 0));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &handle));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(scene.endpoint, &message));
    EXPECT(message.words[3] > 0);
    ipc.send_handles[0] = (uint32_t)handle;
    message = (struct weft_message){{REQUEST_COUNT}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call_with(scene.endpoint, &message, &ipc));
    EXPECT_EQUAL(1, message.words[1]);
    EXPECT_EQUAL(0, message.words[2]);
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 1));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(handle, 0, &bits));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    scene_close(&scene);
}

static const struct role roles[] = {{"server", role_server}};
ROLES_MAIN(roles)
