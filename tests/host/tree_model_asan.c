/* SPDX-License-Identifier: Apache-2.0
 *
 * Random operations on the kernel's balanced tree, compared with a sorted array. Run it as
 *
 *     tree_model_asan SEED OPERATIONS KEYS [forget-balance]
 *
 * KEYS: how many different keys there are; few make many equal ones. After each operation first, next
 * and at_or_before are compared; now and then the shape is checked: parents, heights, order, balance.
 * forget-balance breaks the shape in the middle on purpose.
 *
 * Exit code 0: they agree; 1: they do not, the operation's number is printed; 2: usage.
 */
#include "tests/host/model.h"
#include "kernel/core/tree.c"

#define NODES 700
#define FULL 600
#define CHECK_EVERY 64

static struct {
    struct tree tree;
    struct tree_node nodes[NODES];
    struct tree_node *sorted[NODES];
    unsigned count;
    bool in[NODES];
    bool filling; /* more insertions than removals, or the other way round */
    unsigned long inserted, removed_inner, removed_first, full, empty;
    uint32_t highest;
} world;

static void insert(struct tree_node *node, uint64_t key)
{
    unsigned place = world.count;

    memset(node, 0x5a, sizeof(*node));
    node->key = key;
    while (place > 0 && world.sorted[place - 1]->key > key) {
        world.sorted[place] = world.sorted[place - 1];
        place--;
    }
    world.sorted[place] = node;
    world.count++;
    world.inserted++;
    tree_insert(&world.tree, node);
}

static void take_out(struct tree_node *node)
{
    unsigned place = 0;

    while (world.sorted[place] != node) {
        place++;
    }
    world.removed_first += place == 0;
    world.removed_inner += node->child[0] != NULL && node->child[1] != NULL;
    world.count--;
    memmove(&world.sorted[place], &world.sorted[place + 1],
            (world.count - place) * sizeof(struct tree_node *));
    tree_remove(&world.tree, node);
}

static uint32_t check_shape(const struct tree_node *node, const struct tree_node *parent)
{
    uint32_t before, after;

    if (node == NULL) {
        return 0;
    }
    if (node->parent != parent) {
        disagree("a parent is wrong");
    }
    before = check_shape(node->child[0], node);
    after = check_shape(node->child[1], node);
    if (before > after + 1 || after > before + 1) {
        disagree("out of balance");
    }
    if (node->height != (before > after ? before : after) + 1) {
        disagree("a height is wrong");
    }
    return node->height;
}

static void check_all(void)
{
    struct tree_node *node = tree_first(&world.tree);
    uint32_t height = check_shape(world.tree.root, NULL);

    for (unsigned i = 0; i < world.count; i++) {
        if (node != world.sorted[i]) {
            disagree("next");
        }
        node = tree_next(node);
    }
    if (node != NULL) {
        disagree("more nodes than were inserted");
    }
    world.highest = height > world.highest ? height : world.highest;
}

static void check_search(uint64_t key)
{
    struct tree_node *expected = NULL;

    for (unsigned i = 0; i < world.count && world.sorted[i]->key <= key; i++) {
        expected = world.sorted[i];
    }
    if (tree_at_or_before(&world.tree, key) != expected) {
        disagree("at_or_before");
    }
}

static void step(uint64_t keys)
{
    unsigned index = (unsigned)random_below(NODES);

    if (world.count >= FULL || world.count == 0) {
        world.filling = world.count == 0;
        world.full += world.count >= FULL;
        world.empty += world.count == 0;
    }
    if (world.in[index] && (!world.filling || random_below(16) == 0)) {
        take_out(&world.nodes[index]);
        world.in[index] = false;
    } else if (!world.in[index] && (world.filling || random_below(1000) == 0)) {
        insert(&world.nodes[index], random_below(keys));
        world.in[index] = true;
    }
    if (tree_first(&world.tree) != (world.count == 0 ? NULL : world.sorted[0]) ||
        tree_empty(&world.tree) != (world.count == 0)) {
        disagree("first");
    }
    if (operation % CHECK_EVERY == 0) {
        check_search(random_below(keys + 1));
        check_all();
    }
}

int main(int count, char **arguments)
{
    unsigned long operations = count >= 4 ? strtoul(arguments[2], NULL, 10) : 0;
    uint64_t keys = count >= 4 ? strtoull(arguments[3], NULL, 10) : 0;
    bool plant = count == 5 && strcmp(arguments[4], "forget-balance") == 0;

    if (operations == 0 || keys == 0 || (count > 4 && !plant)) {
        fprintf(stderr, "usage: tree_model_asan SEED OPERATIONS KEYS [forget-balance]\n");
        return 2;
    }
    random_seed(arguments[1]);
    for (operation = 0; operation < operations; operation++) {
        step(keys);
        if (plant && operation > operations / 2 && world.tree.root != NULL) {
            world.tree.root->height++;
        }
    }
    check_all();
    printf("inserted %lu removed_inner %lu removed_first %lu full %lu empty %lu highest %u\n",
           world.inserted, world.removed_inner, world.removed_first, world.full, world.empty,
           world.highest);
    return 0;
}
