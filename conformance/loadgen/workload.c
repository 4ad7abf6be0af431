/* What the next request is.  Keys lie ten to a parent: /bench<value bytes>/p00042/k7, so that
 * listing a parent gives ten names and runs with other value sizes do not meet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen.h"

enum { KEYS_PER_PARENT = 10, MIX = -100, CREATE_DELETE = -101 };

static const struct {
    const char *mode;
    int32_t kind;
} MODES[] = {
    {"get", OP_GET},       {"exists", OP_EXISTS}, {"children", OP_CHILDREN}, {"set", OP_SET},
    {"create", OP_CREATE}, {"sync", OP_SYNC},     {"multi2", OP_MULTI},      {"mix", MIX},
    {"crdel", CREATE_DELETE},
};

/* splitmix64: small, fast, and every seed is a good one. */
static uint64_t next_random(struct workload *w)
{
    uint64_t z = (w->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t below(struct workload *w, uint32_t bound)
{
    return (uint32_t)(((next_random(w) >> 32) * bound) >> 32);
}

static struct bytes text(const char *string)
{
    return (struct bytes){string, strlen(string)};
}

static struct bytes key_path(const struct workload *w, uint32_t key)
{
    return (struct bytes){w->key_paths + key * (w->key_path_bytes + 1), w->key_path_bytes};
}

/* The parent's path is the key's without its last component, "/k7". */
static struct bytes parent_path(const struct workload *w, uint32_t key)
{
    struct bytes path = key_path(w, key);
    path.length -= 3;
    return path;
}

bool workload_open(struct workload *w, const struct options *o)
{
    memset(w, 0, sizeof *w);
    w->options = o;
    w->random = o->seed;
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++)
        if (!strcmp(o->mode, MODES[i].mode))
            w->kind = MODES[i].kind;
    uint8_t *value = must_alloc(o->value_bytes, 1);
    for (size_t i = 0; i < o->value_bytes; i++)
        value[i] = (uint8_t)next_random(w);
    w->value = (struct bytes){value, o->value_bytes};
    snprintf(w->root, sizeof w->root, "/bench%zu", o->value_bytes);
    w->key_path_bytes = strlen(w->root) + strlen("/p00000/k0");
    w->key_paths = must_alloc((size_t)o->keys, w->key_path_bytes + 1);
    for (int key = 0; key < o->keys; key++)
        snprintf(w->key_paths + (size_t)key * (w->key_path_bytes + 1), w->key_path_bytes + 1,
                 "%s/p%05d/k%d", w->root, key / KEYS_PER_PARENT, key % KEYS_PER_PARENT);
    return w->kind != 0;
}

bool workload_needs_private_parents(const struct workload *w)
{
    return w->kind == OP_CREATE || w->kind == CREATE_DELETE;
}

/* The root, then each parent followed by its keys: one connection, so the order holds. */
size_t workload_setup_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    struct workload *w = context;
    (void)c;
    *op = OP_CREATE;
    long step = w->cursor++;
    if (step == 0)
        return encode_create(out, xid, text(w->root), (struct bytes){"", 0});
    uint32_t key = (uint32_t)((step - 1) / (KEYS_PER_PARENT + 1) * KEYS_PER_PARENT);
    uint32_t child = (uint32_t)((step - 1) % (KEYS_PER_PARENT + 1));
    if (key >= (uint32_t)w->options->keys)
        return 0;
    if (child == 0)
        return encode_create(out, xid, parent_path(w, key), (struct bytes){"", 0});
    return encode_create(out, xid, key_path(w, key + child - 1), w->value);
}

/* One sync on each connection: its server is then as far as the setup. */
size_t workload_sync_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    (void)context;
    if (c->synced)
        return 0;
    c->synced = true;
    *op = OP_SYNC;
    return encode_path(out, xid, OP_SYNC, text("/"));
}

/* A connection's own parent is named after its session, so runs on one server do not meet. */
size_t workload_parents_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    struct workload *w = context;
    if (c->own_parent_bytes > 0)
        return 0;
    int length = snprintf(c->own_path, sizeof c->own_path, "%s/s%016llx", w->root,
                          (unsigned long long)c->session.id);
    c->own_parent_bytes = (size_t)length;
    *op = OP_CREATE;
    return encode_create(out, xid, text(c->own_path), (struct bytes){"", 0});
}

/* The connection's own child of that number: "/n" and eight digits after its parent. */
static struct bytes own_child(struct conn *c, uint32_t number)
{
    enum { DIGITS = 8 };
    char *at = c->own_path + c->own_parent_bytes;
    memcpy(at, "/n", 2);
    for (int i = DIGITS; i > 0; i--, number /= 10)
        at[1 + i] = (char)('0' + number % 10);
    return (struct bytes){c->own_path, c->own_parent_bytes + 2 + DIGITS};
}

static size_t next_own_child(struct workload *w, struct conn *c, int32_t xid, uint8_t *out,
                             int32_t *op)
{
    uint32_t step = c->made++;
    bool deletes = w->kind == CREATE_DELETE && step % 2;
    struct bytes child = own_child(c, w->kind == CREATE_DELETE ? step / 2 : step);
    *op = deletes ? OP_DELETE : OP_CREATE;
    return deletes ? encode_delete(out, xid, child) : encode_create(out, xid, child, w->value);
}

size_t workload_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    struct workload *w = context;
    if (workload_needs_private_parents(w))
        return next_own_child(w, c, xid, out, op);
    uint32_t keys = (uint32_t)w->options->keys;
    uint32_t key = below(w, keys);
    *op = w->kind;
    if (w->kind == MIX)
        *op = below(w, 10) < 8 ? OP_GET : OP_SET;
    switch (*op) {
    case OP_SET:
        return encode_set(out, xid, key_path(w, key), w->value);
    case OP_CHILDREN:
        return encode_read(out, xid, OP_CHILDREN, parent_path(w, key), false);
    case OP_SYNC:
        return encode_path(out, xid, OP_SYNC, key_path(w, key));
    case OP_MULTI: {
        struct bytes paths[2] = {key_path(w, key), key_path(w, below(w, keys))};
        return encode_multi_set(out, xid, paths, w->value);
    }
    default:
        return encode_read(out, xid, *op, key_path(w, key), false);
    }
}

/* `fill`: /fill, its parents, and then the znodes, dealt out to the parents in turn. */
size_t fill_parents_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    struct workload *w = context;
    char path[PATH_BYTES_MAX];
    (void)c;
    long step = w->cursor++;
    if (step > w->options->parents)
        return 0;
    *op = OP_CREATE;
    if (step == 0)
        return encode_create(out, xid, text("/fill"), (struct bytes){"", 0});
    snprintf(path, sizeof path, "/fill/p%04ld", step - 1);
    return encode_create(out, xid, text(path), (struct bytes){"", 0});
}

size_t fill_next(void *context, struct conn *c, int32_t xid, uint8_t *out, int32_t *op)
{
    struct workload *w = context;
    char path[PATH_BYTES_MAX];
    (void)c;
    if (w->cursor >= w->options->znodes)
        return 0;
    long node = w->cursor++;
    *op = OP_CREATE;
    snprintf(path, sizeof path, "/fill/p%04ld/n%07ld", node % w->options->parents, node);
    return encode_create(out, xid, text(path), w->value);
}
