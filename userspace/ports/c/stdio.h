/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing of it is used where tests and statistics are off.
 */
#pragma once
