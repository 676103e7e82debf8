/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets for datagrams (UDP).
 */
#include "server.h"

#include "lwip/udp.h"
#include "weft/arch.h"
#include "weft/string.h"
#include "weft/syscalls.h"

static void came(void *argument, struct udp_pcb *pcb, struct pbuf *packet, const ip_addr_t *from,
                 uint16_t port)
{
    struct socket *socket = argument;

    (void)pcb;
    if (socket->count == DATAGRAMS_MAX) {
        (void)pbuf_free(packet);
        return;
    }
    socket->datagrams[(socket->first + socket->count++) % DATAGRAMS_MAX] =
        (struct datagram){.packet = packet, .from = *from, .port = port};
    socket_readable(socket);
}

int64_t datagram_open(struct socket *socket)
{
    socket->udp = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (socket->udp == NULL) {
        return WEFT_NET_FULL;
    }
    udp_recv(socket->udp, came, socket);
    return 0;
}

int64_t datagram_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
    return error_of(udp_bind(socket->udp, address, port));
}

int64_t datagram_connect(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
    err_t error = udp_connect(socket->udp, address, port);
    socket->state = error == ERR_OK ? SOCKET_CONNECTED : socket->state;
    return error_of(error);
}

int64_t datagram_send(struct socket *socket)
{
    uint32_t bytes = socket->writer.bytes;
    ip_addr_t to;
    uint16_t port;

    if (bytes > WEFT_DATAGRAM_BYTES) {
        return WEFT_NET_TOO_LONG;
    }
    address_read(&socket->window->to, &to, &port);
    if (port == 0 && socket->state != SOCKET_CONNECTED) {
        return WEFT_NET_CLOSED;
    }
    struct pbuf *packet = pbuf_alloc(PBUF_TRANSPORT, (uint16_t)bytes, PBUF_RAM);
    if (packet == NULL) {
        return WEFT_NET_FULL;
    }
    memcpy(packet->payload, socket->window->out, bytes);
    err_t error = ERR_OK;
    if (port == 0) {
        error = udp_send(socket->udp, packet);
    } else {
        error = udp_sendto(socket->udp, packet, &to, port);
    }
    (void)pbuf_free(packet);
    return error == ERR_OK || error == ERR_IF ? (int64_t)bytes /* datagrams get lost */
                                              : error_of(error);
}

int64_t datagram_receive(struct socket *socket)
{
    if (socket->count == 0) {
        return LATER;
    }
    struct datagram *next = &socket->datagrams[socket->first];
    uint32_t most =
        socket->reader.bytes < next->packet->tot_len ? socket->reader.bytes : next->packet->tot_len;
    uint16_t moved = pbuf_copy_partial(next->packet, socket->window->in, (uint16_t)most, 0);
    address_write(&next->from, next->port, &socket->window->from);
    (void)pbuf_free(next->packet);
    socket->first = (socket->first + 1) % DATAGRAMS_MAX;
    socket->count--;
    return moved;
}

int64_t datagram_name(struct socket *socket)
{
    address_write(&socket->udp->local_ip, socket->udp->local_port, &socket->window->name);
    return 0;
}

void datagram_end(struct socket *socket)
{
    if (socket->udp != NULL) {
        udp_remove(socket->udp);
        socket->udp = NULL;
    }
    for (; socket->count > 0; socket->count--) {
        (void)pbuf_free(socket->datagrams[socket->first].packet);
        socket->first = (socket->first + 1) % DATAGRAMS_MAX;
    }
}
