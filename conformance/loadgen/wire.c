/* Requests as bytes.  Every encoder writes a whole frame and returns its length. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "loadgen.h"

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void *must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        fatal("no memory for %zu times %zu bytes", count, size);
    return memory;
}

void put_i32(uint8_t *at, int32_t value)
{
    uint32_t big = __builtin_bswap32((uint32_t)value);
    memcpy(at, &big, sizeof big);
}

void put_i64(uint8_t *at, int64_t value)
{
    uint64_t big = __builtin_bswap64((uint64_t)value);
    memcpy(at, &big, sizeof big);
}

int32_t get_i32(const uint8_t *at)
{
    uint32_t big;
    memcpy(&big, at, sizeof big);
    return (int32_t)__builtin_bswap32(big);
}

int64_t get_i64(const uint8_t *at)
{
    uint64_t big;
    memcpy(&big, at, sizeof big);
    return (int64_t)__builtin_bswap64(big);
}

static uint8_t *put_bytes(uint8_t *at, struct bytes b)
{
    put_i32(at, (int32_t)b.length);
    memcpy(at + 4, b.data, b.length);
    return at + 4 + b.length;
}

static uint8_t *put_header(uint8_t *out, int32_t xid, enum opcode op)
{
    put_i32(out + 4, xid);
    put_i32(out + 8, op);
    return out + 12;
}

static size_t close_frame(uint8_t *out, const uint8_t *end)
{
    put_i32(out, (int32_t)(end - out - 4));
    return (size_t)(end - out);
}

size_t encode_handshake(uint8_t *out, int timeout_ms)
{
    memset(out, 0, 49);
    put_i32(out + 16, timeout_ms);
    put_i32(out + 28, 16);
    return close_frame(out, out + 49);
}

size_t encode_header_only(uint8_t *out, int32_t xid, enum opcode op)
{
    return close_frame(out, put_header(out, xid, op));
}

size_t encode_path(uint8_t *out, int32_t xid, enum opcode op, struct bytes path)
{
    return close_frame(out, put_bytes(put_header(out, xid, op), path));
}

size_t encode_read(uint8_t *out, int32_t xid, enum opcode op, struct bytes path, bool watch)
{
    uint8_t *at = put_bytes(put_header(out, xid, op), path);
    *at++ = watch;
    return close_frame(out, at);
}

static uint8_t *put_set(uint8_t *at, struct bytes path, struct bytes value)
{
    at = put_bytes(put_bytes(at, path), value);
    put_i32(at, -1); /* any version */
    return at + 4;
}

size_t encode_set(uint8_t *out, int32_t xid, struct bytes path, struct bytes value)
{
    return close_frame(out, put_set(put_header(out, xid, OP_SET), path, value));
}

size_t encode_create(uint8_t *out, int32_t xid, struct bytes path, struct bytes value)
{
    uint8_t *at = put_bytes(put_bytes(put_header(out, xid, OP_CREATE), path), value);
    put_i32(at, 1);      /* one ACL: */
    put_i32(at + 4, 31); /* all permissions */
    at = put_bytes(at + 8, (struct bytes){"world", 5});
    at = put_bytes(at, (struct bytes){"anyone", 6});
    put_i32(at, 0); /* persistent */
    return close_frame(out, at + 4);
}

size_t encode_delete(uint8_t *out, int32_t xid, struct bytes path)
{
    uint8_t *at = put_bytes(put_header(out, xid, OP_DELETE), path);
    put_i32(at, -1); /* any version */
    return close_frame(out, at + 4);
}

static uint8_t *put_multi_header(uint8_t *at, int32_t op, bool done)
{
    put_i32(at, op);
    at[4] = done;
    put_i32(at + 5, -1);
    return at + 9;
}

size_t encode_multi_set(uint8_t *out, int32_t xid, const struct bytes paths[2], struct bytes value)
{
    uint8_t *at = put_header(out, xid, OP_MULTI);
    for (int i = 0; i < 2; i++)
        at = put_set(put_multi_header(at, OP_SET, false), paths[i], value);
    return close_frame(out, put_multi_header(at, -1, true));
}
