/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the model: the steps of messages. What a step concerns is noted in the change.
 */
#pragma once

#include "model.h"

void message_stamp(struct message *message, enum stamp which, uint64_t time);
struct message *message_call(struct model *model, const struct trace_event *event);
void message_deliver(struct model *model, const struct trace_event *event,
                     struct model_change *change);
void message_reply(struct model *model, const struct trace_event *event,
                   struct model_change *change);
struct message *message_save(struct model *model, const struct trace_event *event);
/* The client runs again. Returns its message if that is done with it, else null. */
struct message *message_resume(struct model *model, uint32_t client, uint64_t time);
