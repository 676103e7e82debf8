/* SPDX-License-Identifier: Apache-2.0
 *
 * Balanced tree through a node inside the object, ordered by the node's key: insertion, removal and
 * search take O(log n) steps, and no call nests. The first node is at hand at once.
 *
 * Set node.key, then tree_insert(). Nodes of equal keys stand in the order of their insertion. While
 * a node is in a tree its key must not change. A zeroed struct tree is empty; it is owned by the CPU
 * that owns the object it hangs on. Builds on the host too.
 */
#pragma once

#include "kernel/types.h"

struct tree_node {
    uint64_t key;
    struct tree_node *parent;   /* NULL: the root, or in no tree */
    struct tree_node *child[2]; /* before, after */
    uint32_t height;            /* of a leaf 1 */
};

struct tree {
    struct tree_node *root;
    struct tree_node *first; /* NULL: empty */
};

void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);

static inline bool tree_empty(const struct tree *tree)
{
    return tree->first == NULL;
}

/* The node with the smallest key; NULL when empty. */
static inline struct tree_node *tree_first(const struct tree *tree)
{
    return tree->first;
}

/* The one behind it; NULL after the last. */
struct tree_node *tree_next(struct tree_node *node);

/* The last node whose key is not above `key`; NULL: there is none. */
struct tree_node *tree_at_or_before(const struct tree *tree, uint64_t key);
