/* SPDX-License-Identifier: Apache-2.0
 *
 * The network interface: lwIP on one side, the driver's rings (weft/ethernet.h) on the other.
 *
 * Theory of operation
 *
 * 1. Memory. What is shared with the device is lwIP's heap, then RECEIVERS places for frames that come, then SENDERS
 *    for frames to send that lie in several pieces and are copied together there. A frame that is one piece is sent where
 *    it lies; a frame that has come is given to lwIP where it lies, and its place is empty again when
 *    lwIP lets go of it. Small frames are copied, and all of them while lwIP holds many places: so a client that
 *    does not read cannot keep others from receiving.
 * 2. The driver's death. A thread, the *watch*, attaches to the driver and then waits for its death, which the
 *    kernel tells it of. While there is no driver, the rings belong to the watch; `state` says whose turn it is:
 *
 *        ATTACHED -> LOST         by the watch: the driver has died
 *        LOST -> RELEASED         by the main thread: it does not use the rings any more
 *        RELEASED -> ATTACHED     by the watch: there is a new driver, and nothing is under way
 *
 *    Meanwhile lwIP keeps what it wants to send. Then all connections send again what has not been confirmed, and
 *    tell their peers where they stand, in as many acknowledgements as make a peer send again at once: nobody has
 *    to wait until his timer says that something got lost.
 * 3. This server's death. The addresses are kept in the service's state, so that the next instance need not wait
 *    for DHCP's answer before it works.
 */
#include "server.h"

#include "lwip/dhcp.h"
#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "weft/atomic.h"
#include "weft/ethernet.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define LINK_PLACE (NET_HEAP_PLACE - WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE)
#define FRAME_ROOM 2048u
#define FRAME_START 2u /* so that what follows the Ethernet header is aligned */
#define RECEIVERS 240u
#define SENDERS 32u
#define RECEIVERS_PLACE NET_HEAP_BYTES
#define SENDERS_PLACE (RECEIVERS_PLACE + RECEIVERS * FRAME_ROOM)
#define DATA_BYTES (SENDERS_PLACE + SENDERS * FRAME_ROOM)
#define SMALL 256u      /* bytes of a frame that is rather copied */
#define HELD_MAX 96u    /* places that lwIP holds at most */
#define POLL_MAX 64u    /* frames at a time, before others have their turn */
#define PATIENCE 10000u /* microseconds between tries, while there is no driver */
#define DUPLICATES 4u   /* acknowledgements that make a peer send again */

_Static_assert(WEFT_FRAME_DEPTH <= UINT8_MAX + 1, "a sender's number fits");
_Static_assert(DATA_BYTES % WEFT_PAGE_SIZE == 0, "whole pages");
_Static_assert(DATA_BYTES / WEFT_PAGE_SIZE <= WEFT_ETHERNET_PAGES_MAX, "it can be shared");

enum { STATE_RELEASED, STATE_ATTACHED, STATE_LOST };

/* A place for a frame that comes, and what lwIP sees of it. The pbuf must be first. */
struct receiver {
    struct pbuf_custom pbuf;
    _Bool given; /* to the driver */
};

struct sender {
    struct pbuf *packet; /* held until it is sent; NULL: a copy */
    _Bool used;
    uint8_t copy; /* its place, +1; 0: none */
};

struct kept {
    uint32_t address, mask, gateway;
    uint32_t check;
};

const uint64_t link_kept_bytes = sizeof(struct kept);

static struct weft_ethernet link;
static struct netif interface;
static uint64_t notification, frames, release; /* frames: its badge is BIT_FRAMES */
static uint32_t state;                         /* (A) see above */
static _Bool usable;
static struct kept *kept;
static struct receiver receivers[RECEIVERS];
static uint32_t empty[RECEIVERS], empties; /* a stack of places that nobody has */
static uint32_t held;                      /* places that lwIP has */
static struct sender senders[WEFT_FRAME_DEPTH];
static uint8_t idle[WEFT_FRAME_DEPTH]; /* a stack of senders that are not used */
static uint32_t idles;
static uint32_t copies; /* places in use, bits */

/* ---- receiving -------------------------------------------------------------------------------------- */

static void give_places(void)
{
    while (usable && empties > 0) {
        uint32_t id = empty[empties - 1];
        uint32_t offset = RECEIVERS_PLACE + id * FRAME_ROOM + FRAME_START;
        if (!weft_ethernet_put(&link, WEFT_FRAME_EMPTY, id, offset, FRAME_ROOM - FRAME_START)) {
            return;
        }
        receivers[id].given = 1;
        empties--;
    }
}

/* lwIP has done with a frame. */
static void let_place(struct pbuf *pbuf)
{
    empty[empties++] = (uint32_t)((struct receiver *)pbuf - receivers);
    held--;
}

/* A frame as lwIP wants it; NULL: there is no memory for it, and it is lost. */
static struct pbuf *wrap(uint32_t id, uint32_t length)
{
    uint8_t *frame = weft_ethernet_data(&link, RECEIVERS_PLACE + id * FRAME_ROOM + FRAME_START);

    if (length > SMALL && held < HELD_MAX) {
        held++;
        receivers[id].pbuf.custom_free_function = let_place;
        return pbuf_alloced_custom(PBUF_RAW, (uint16_t)length, PBUF_REF, &receivers[id].pbuf, frame,
                                   FRAME_ROOM - FRAME_START);
    }
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (uint16_t)length, PBUF_POOL);
    if (copy != NULL) {
        (void)pbuf_take(copy, frame, (uint16_t)length);
    }
    empty[empties++] = id;
    return copy;
}

/* A frame has come. False: the driver makes it up. */
static _Bool received(const struct weft_frame *frame)
{
    if (frame->id >= RECEIVERS || !receivers[frame->id].given ||
        frame->length > FRAME_ROOM - FRAME_START) {
        return 0;
    }
    receivers[frame->id].given = 0;
    if (frame->length == 0) {
        empty[empties++] = frame->id;
        return 1;
    }
    struct pbuf *packet = wrap(frame->id, frame->length);
    if (packet != NULL && interface.input(packet, &interface) != ERR_OK) {
        (void)pbuf_free(packet);
    }
    return 1;
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static void sender_free(struct sender *sender)
{
    if (!sender->used) {
        return;
    }
    if (sender->packet != NULL) {
        (void)pbuf_free(sender->packet);
    }
    if (sender->copy != 0) {
        copies &= ~(1u << (sender->copy - 1));
    }
    *sender = (struct sender){0};
    idle[idles++] = (uint8_t)(sender - senders);
}

static _Bool sent(const struct weft_frame *frame)
{
    if (frame->id >= WEFT_FRAME_DEPTH || !senders[frame->id].used) {
        return 0;
    }
    sender_free(&senders[frame->id]);
    return 1;
}

/* Where a packet lies, as an offset, if it is one piece that the device reaches. */
static _Bool reached(const struct pbuf *packet, uint32_t *offset)
{
    uint64_t at = (uint64_t)packet->payload - NET_HEAP_PLACE;
    *offset = (uint32_t)at;
    return packet->next == NULL && at < DATA_BYTES && packet->len <= DATA_BYTES - at;
}

static err_t send_frame(struct netif *netif, struct pbuf *packet)
{
    uint32_t offset;

    (void)netif;
    if (!usable || idles == 0) {
        return ERR_IF; /* a stream tries again */
    }
    struct sender *sender = &senders[idle[idles - 1]];
    if (reached(packet, &offset)) {
        pbuf_ref(packet);
        sender->packet = packet;
    } else {
        if (copies == UINT32_MAX || packet->tot_len > WEFT_FRAME_BYTES) {
            return ERR_BUF;
        }
        uint32_t place = (uint32_t)__builtin_ctz(~copies);
        offset = SENDERS_PLACE + place * FRAME_ROOM;
        (void)pbuf_copy_partial(packet, weft_ethernet_data(&link, offset), packet->tot_len, 0);
        copies |= 1u << place;
        sender->copy = (uint8_t)(place + 1);
    }
    sender->used = 1;
    idles--;
    if (!weft_ethernet_put(&link, WEFT_FRAME_SEND, (uint32_t)(sender - senders), offset,
                           packet->tot_len)) {
        sender_free(sender);
        return ERR_IF;
    }
    return ERR_OK;
}

/* ---- frames ----------------------------------------------------------------------------------------- */

void link_poll(void)
{
    struct weft_frame frame;

    for (unsigned i = 0; i < POLL_MAX && usable; i++) {
        int taken = weft_ethernet_take(&link, &frame);
        if (taken == 0) {
            break;
        }
        if (taken < 0 || !(frame.kind == WEFT_FRAME_SEND ? sent(&frame) : received(&frame))) {
            usable = 0; /* it breaks the rules: the watch gets another session */
            weft_ethernet_detach(&link);
        }
    }
    give_places();
    netif_poll_all(); /* what this machine sends to itself */
}

_Bool link_sleep(void)
{
    const struct netif *netif;

    NETIF_FOREACH(netif)
    {
        if (netif->loop_first != NULL) {
            return 0;
        }
    }
    return !usable || weft_ethernet_sleep(&link);
}

void link_tell(void)
{
    if (usable) {
        give_places();
        weft_ethernet_tell(&link);
    }
}

/* ---- the driver's life ------------------------------------------------------------------------------ */

static void watch(void *unused)
{
    uint64_t bits;

    (void)unused;
    for (;;) {
        if (weft_ethernet_attach(&link, frames) != STATUS_OK) {
            weft_sleep_for(PATIENCE);
            continue;
        }
        /* [link.attached] release: the rings are empty and the main thread's. Pairs with [link.change]. */
        weft_store_release(&state, STATE_ATTACHED);
        (void)weft_notification_signal(notification, BIT_LINK);
        weft_ethernet_watch(&link);
        /* [link.lost] release: nothing goes with it. Pairs with [link.change]. */
        weft_store_release(&state, STATE_LOST);
        (void)weft_notification_signal(notification, BIT_LINK);
        /* [link.released] acquire: the main thread leaves the rings alone. Pairs with [link.release]. */
        while (weft_load_acquire(&state) != STATE_RELEASED) {
            (void)weft_notification_wait(release, 0, &bits);
        }
    }
}

/* Sends again what may have got lost with the driver, and has the peers do the same. */
static void resume_stream(struct tcp_pcb *pcb)
{
    uint8_t tries = pcb->nrtx;

    tcp_rexmit_rto(pcb);
    pcb->nrtx = tries; /* it was not the peer who did not answer */
    for (unsigned i = 0; i < DUPLICATES && pcb->state >= ESTABLISHED; i++) {
        (void)tcp_send_empty_ack(pcb);
    }
    (void)tcp_output(pcb);
}

/* There is a driver, which has nothing yet. */
static void begin(void)
{
    static _Bool begun;

    usable = 1;
    for (uint32_t id = 0; id < WEFT_FRAME_DEPTH; id++) {
        sender_free(&senders[id]);
    }
    for (uint32_t id = 0; id < RECEIVERS; id++) {
        if (receivers[id].given) {
            receivers[id].given = 0;
            empty[empties++] = id;
        }
    }
    give_places();
    memcpy(interface.hwaddr, link.info.address, sizeof(link.info.address));
    if (!begun) {
        begun = 1;
        netif_create_ip6_linklocal_address(&interface, 1);
        netif_set_link_up(&interface);
        (void)dhcp_start(&interface);
    }
    for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb != NULL; pcb = next) {
        next = pcb->next;
        resume_stream(pcb);
    }
}

void link_change(void)
{
    /* [link.change] acquire: what the watch did before. Pairs with [link.attached] and [link.lost]. */
    uint32_t now = weft_load_acquire(&state);

    if (now == STATE_ATTACHED && !usable) {
        begin();
    } else if (now == STATE_LOST) {
        usable = 0;
        /* [link.release] release: the rings are the watch's. Pairs with [link.released]. */
        weft_store_release(&state, STATE_RELEASED);
        (void)weft_notification_signal(release, 1);
    }
}

/* ---- beginning -------------------------------------------------------------------------------------- */

static uint32_t check_of(const struct kept *addresses)
{
    return (addresses->address * 31 + addresses->mask) * 31 + addresses->gateway + 1;
}

/* The addresses have changed. A process that dies in here leaves a check that does not fit. */
static void changed(struct netif *netif)
{
    if (ip4_addr_isany_val(*netif_ip4_addr(netif))) {
        return;
    }
    *kept = (struct kept){.address = netif_ip4_addr(netif)->addr,
                          .mask = netif_ip4_netmask(netif)->addr,
                          .gateway = netif_ip4_gw(netif)->addr};
    kept->check = check_of(kept);
    link_has_address();
}

static err_t interface_open(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    netif->mtu = 1500;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->hostname = "weft";
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    netif_set_ip6_autoconfig_enabled(netif, 1);
    return ERR_OK;
}

void link_open(uint64_t the_notification, void *state_memory)
{
    ip4_addr_t address = {0}, mask = {0}, gateway = {0};

    notification = the_notification;
    kept = state_memory;
    if (kept->address != 0 && kept->check == check_of(kept)) {
        address.addr = kept->address;
        mask.addr = kept->mask;
        gateway.addr = kept->gateway;
    }
    for (uint32_t id = 0; id < RECEIVERS; id++) {
        empty[empties++] = id;
    }
    while (idles < WEFT_FRAME_DEPTH) {
        idle[idles] = (uint8_t)(WEFT_FRAME_DEPTH - 1 - idles); /* the first one on top */
        idles++;
    }
    if (weft_cap_copy(HANDLE_SELF, notification, RIGHT_WRITE | RIGHT_COPY, BIT_FRAMES, &frames) !=
            STATUS_OK ||
        weft_notification_create(weft_startup()->cpu, &release) != STATUS_OK ||
        weft_ethernet_open(&link, weft_capability("ethernet"), LINK_PLACE,
                           DATA_BYTES / WEFT_PAGE_SIZE) != STATUS_OK) {
        weft_fail("there is no memory for frames");
    }
    lwip_init();
    if (netif_add(&interface, &address, &mask, &gateway, NULL, interface_open, netif_input) ==
        NULL) {
        weft_fail("lwIP takes no interface");
    }
    netif_set_status_callback(&interface, changed);
    netif_set_default(&interface);
    netif_set_up(&interface);
    if (kept->address != 0 && kept->check == check_of(kept)) {
        netif_set_link_up(&interface); /* what is sent before there is a driver waits for it */
    }
    if (weft_thread_start(NULL, "watch", weft_startup()->cpu, WEFT_PRIORITY_DEFAULT, watch, NULL) !=
        STATUS_OK) {
        weft_fail("no thread can be started");
    }
}

void link_info(struct weft_net_info *info)
{
    uint32_t mask = netif_ip4_netmask(&interface)->addr;
    ip_addr_t address = {.u_addr.ip4 = *netif_ip4_addr(&interface), .type = IPADDR_TYPE_V4};

    *info = (struct weft_net_info){.mask_bits = (uint8_t)__builtin_popcount(mask),
                                   .link = usable && link.info.link};
    if (!ip4_addr_isany_val(*netif_ip4_addr(&interface))) {
        address_write(&address, 0, &info->address);
    }
    memcpy(info->ethernet, link.info.address, sizeof(info->ethernet));
}
