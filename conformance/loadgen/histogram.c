/* Latencies in logarithmic buckets: 64 to each power of two, so within 1.6 % of the value. */
#include <stdio.h>
#include <stdlib.h>

#include "loadgen.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 1u << SUB_BUCKET_BITS)
        return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BUCKET_BITS;
    unsigned low = (unsigned)(ns >> shift) & ((1u << SUB_BUCKET_BITS) - 1);
    unsigned bucket = ((shift + 1) << SUB_BUCKET_BITS) + low;
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_top(unsigned bucket)
{
    unsigned shift = bucket >> SUB_BUCKET_BITS;
    uint64_t low = bucket & ((1u << SUB_BUCKET_BITS) - 1);
    if (shift == 0)
        return low;
    return ((low + (1u << SUB_BUCKET_BITS) + 1) << (shift - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->buckets[bucket_of(ns)]++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

double histogram_us(const struct histogram *h, double fraction)
{
    uint64_t seen = 0;
    double wanted = fraction * (double)h->count;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t top = bucket_top(i);
            return (double)(top < h->max_ns ? top : h->max_ns) / 1000.0;
        }
    }
    return 0.0;
}

void histogram_print(const struct histogram *h)
{
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f",
           histogram_us(h, 0.5), histogram_us(h, 0.99), histogram_us(h, 0.999),
           (double)h->max_ns / 1000.0);
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double median(double *values, int count)
{
    if (count == 0)
        return 0.0;
    qsort(values, (size_t)count, sizeof *values, by_value);
    double upper = values[count / 2];
    return count % 2 ? upper : (upper + values[count / 2 - 1]) / 2;
}
