/* SPDX-License-Identifier: Apache-2.0
 *
 * How lwIP is built for the network server: its raw interface in one thread; IPv4 and IPv6, UDP, TCP, DHCP.
 *
 * Memory. The heap, from which what is sent comes, lies in memory that the network device reaches: so a frame that is
 * one piece is sent where it lies. All else are pools of fixed size: whoever exhausts one gets an error, and
 * nothing is taken from anybody else's process.
 */
#pragma once

/* Where the server maps what it shares with the device (userspace/servers/net/link.c): the heap comes first. */
#define NET_HEAP_PLACE 0x18003000
#define NET_HEAP_BYTES (1 << 20)
#define NET_STREAMS_MAX 64

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_STATS 0

#define MEM_ALIGNMENT 8
#define MEM_SIZE (NET_HEAP_BYTES - 256) /* and what lwIP adds for itself */
#define LWIP_RAM_HEAP_POINTER ((void *)NET_HEAP_PLACE)
#define MEMP_NUM_TCP_PCB NET_STREAMS_MAX
#define MEMP_NUM_TCP_PCB_LISTEN 16
#define MEMP_NUM_UDP_PCB 34
#define MEMP_NUM_TCP_SEG 1024
#define MEMP_NUM_REASSDATA 8
#define PBUF_POOL_SIZE 512
#define PBUF_POOL_BUFSIZE 1536

#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_AUTOCONFIG 1
#define IPV6_FRAG_COPYHEADER 1 /* pointers are larger than what lwIP overwrites else */
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_DNS 0
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_ACD 0
#define LWIP_AUTOIP 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1 /* programs of this machine reach each other */
#define LWIP_LOOPBACK_MAX_PBUFS 128
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

#define TCP_MSS 1460
#define TCP_WND (44 * TCP_MSS) /* the most without scaled windows */
#define TCP_SND_BUF (44 * TCP_MSS)
#define TCP_SND_QUEUELEN 200
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1
#define LWIP_HOOK_FILENAME "hooks.h"
