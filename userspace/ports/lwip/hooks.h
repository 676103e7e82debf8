/* SPDX-License-Identifier: Apache-2.0
 *
 * Where lwIP asks. The first number of a connection is drawn at random.
 */
#pragma once

#define LWIP_HOOK_TCP_ISN(here, port, there, other) net_random()
