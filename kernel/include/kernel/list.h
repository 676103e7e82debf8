/* SPDX-License-Identifier: Apache-2.0
 *
 * Doubly linked list through a link inside the object: O(1) at both ends and for removal from the
 * middle. A list is owned by the CPU that owns the object it hangs on.
 */
#pragma once

#include "kernel/types.h"

struct list_link {
    struct list_link *next;
    struct list_link *prev;
};

struct list {
    struct list_link head; /* a ring through itself: empty when head.next == &head */
};

static inline void list_init(struct list *list)
{
    list->head.next = &list->head;
    list->head.prev = &list->head;
}

static inline bool list_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline void list_insert_before(struct list_link *position, struct list_link *link)
{
    struct list_link *previous = position->prev;

    link->next = position;
    link->prev = previous;
    previous->next = link;
    position->prev = link;
}

static inline void list_append(struct list *list, struct list_link *link)
{
    list_insert_before(&list->head, link);
}

static inline void list_remove(struct list_link *link)
{
    struct list_link *next = link->next;
    struct list_link *previous = link->prev;

    previous->next = next;
    next->prev = previous;
}

/* NULL when empty. */
static inline struct list_link *list_first(const struct list *list)
{
    return list_empty(list) ? NULL : list->head.next;
}

static inline struct list_link *list_take_first(struct list *list)
{
    struct list_link *link = list_first(list);

    if (link != NULL) {
        list_remove(link);
    }
    return link;
}
