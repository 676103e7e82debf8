/* SPDX-License-Identifier: Apache-2.0
 *
 * Balanced trees; the header is the manual. AVL: the heights of a node's two branches differ by one
 * at most, so a tree of n nodes is at most 1.44 log2(n) high.
 */
#include "kernel/tree.h"

enum side { BEFORE, AFTER };

static uint32_t height(const struct tree_node *node)
{
    return node == NULL ? 0 : node->height;
}

static void measure(struct tree_node *node)
{
    uint32_t before = height(node->child[BEFORE]);
    uint32_t after = height(node->child[AFTER]);

    node->height = (before > after ? before : after) + 1;
}

static void hang(struct tree_node *parent, enum side side, struct tree_node *child)
{
    parent->child[side] = child;
    if (child != NULL) {
        child->parent = parent;
    }
}

/* What refers to the node: its parent, or the tree. */
static struct tree_node **place_of(struct tree *tree, const struct tree_node *node)
{
    struct tree_node *parent = node->parent;

    return parent == NULL ? &tree->root : &parent->child[parent->child[AFTER] == node];
}

/* Puts `by` (which may be NULL) where `node` hangs. */
static void replace(struct tree *tree, const struct tree_node *node, struct tree_node *by)
{
    *place_of(tree, node) = by;
    if (by != NULL) {
        by->parent = node->parent;
    }
}

/* The child at `side` goes up and takes the place of `node`, which becomes its child. */
static struct tree_node *rotate(struct tree *tree, struct tree_node *node, enum side side)
{
    struct tree_node *up = node->child[side];

    replace(tree, node, up);
    hang(node, side, up->child[!side]);
    hang(up, !side, node);
    measure(node);
    measure(up);
    return up;
}

/* A branch below `node` has changed its height by one: restores the balance from there upwards. */
static void rebalance(struct tree *tree, struct tree_node *node)
{
    for (; node != NULL; node = node->parent) {
        enum side side = height(node->child[AFTER]) > height(node->child[BEFORE]) ? AFTER : BEFORE;
        struct tree_node *higher = node->child[side];
        uint32_t old = node->height;

        if (height(higher) > height(node->child[!side]) + 1) {
            if (height(higher->child[!side]) > height(higher->child[side])) {
                (void)rotate(tree, higher, !side);
            }
            node = rotate(tree, node, side);
        } else {
            measure(node);
        }
        if (node->height == old) {
            return;
        }
    }
}

static struct tree_node *outermost(struct tree_node *node, enum side side)
{
    while (node->child[side] != NULL) {
        node = node->child[side];
    }
    return node;
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
    struct tree_node **place = &tree->root;

    *node = (struct tree_node){.key = node->key, .height = 1};
    while (*place != NULL) {
        node->parent = *place;
        place = &node->parent->child[node->key < node->parent->key ? BEFORE : AFTER];
    }
    *place = node;
    if (tree->first == NULL || node->key < tree->first->key) {
        tree->first = node;
    }
    rebalance(tree, node->parent);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node *changed = node->parent; /* the lowest whose branch got shorter */

    if (tree->first == node) {
        tree->first = tree_next(node);
    }
    if (node->child[BEFORE] == NULL || node->child[AFTER] == NULL) {
        replace(tree, node, node->child[BEFORE] != NULL ? node->child[BEFORE] : node->child[AFTER]);
    } else { /* the next one takes its place */
        struct tree_node *next = outermost(node->child[AFTER], BEFORE);

        changed = next->parent == node ? next : next->parent;
        replace(tree, next, next->child[AFTER]);
        replace(tree, node, next);
        hang(next, BEFORE, node->child[BEFORE]);
        hang(next, AFTER, node->child[AFTER]);
        next->height = node->height;
    }
    rebalance(tree, changed);
}

struct tree_node *tree_next(struct tree_node *node)
{
    if (node->child[AFTER] != NULL) {
        return outermost(node->child[AFTER], BEFORE);
    }
    while (node->parent != NULL && node->parent->child[AFTER] == node) {
        node = node->parent;
    }
    return node->parent;
}

struct tree_node *tree_at_or_before(const struct tree *tree, uint64_t key)
{
    struct tree_node *node = tree->root;
    struct tree_node *found = NULL;

    while (node != NULL) {
        if (node->key <= key) {
            found = node;
            node = node->child[AFTER];
        } else {
            node = node->child[BEFORE];
        }
    }
    return found;
}
