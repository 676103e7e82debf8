/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of the network driver: device.c drives the device, session.c serves the client. One thread uses
 * all of it. Private to this driver.
 */
#pragma once

#include <stdint.h>

#include "weft/ethernet.h"
#include "weft/virtio.h"

/* Bits of the driver's notification. */
#define BIT_RECEIVED 1ull
#define BIT_SENT 2ull
#define BIT_CLIENT 4ull

enum direction { RECEIVE, SEND, DIRECTIONS }; /* numbers of the device's queues */

/* ---- device.c ----------------------------------------------------------------------------------- */

extern struct virtio device;
extern struct virtio_queue queues[DIRECTIONS];

/* Claims and starts the device, or ends the process with a line that says why not. */
void device_open(uint64_t notification);

/* Resets it: it has no frames any more. */
void device_restart(void);

struct weft_ethernet_info device_info(void);

_Bool device_has_room(enum direction direction);

/* Gives the device a frame that has been checked, whose pages the device knows as `addresses`; seen by it after
 * device_publish(). */
void device_add(enum direction direction, const struct weft_frame *frame,
                const uint64_t *addresses);
void device_publish(void);

/* The next frame that the device has done. False: there is none. */
_Bool device_next_done(enum direction direction, struct weft_frame *frame);

/* ---- session.c ------------------------------------------------------------------------------------ */

/* Opens a session on `memory`, in the place of the one that is there; `client` is the notification to signal. Keeps both,
 * unless this fails. */
status_t session_attach(uint64_t memory, uint64_t client, uint64_t pages);

/* Ends the session, if there is one. */
void session_detach(void);

/* Who calls now gets no answer before the session ends. */
status_t session_watch(void);

/* Moves frames both ways, as far as there are any and there is room. */
void session_pump(void);

/* Declares that this side sleeps. False: there is something to do. */
_Bool session_sleep(void);
