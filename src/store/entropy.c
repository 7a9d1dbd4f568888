/* Does deflate pay? Dense float32 weights lose 15 % of their size at 30 MB/s, which a checkpoint
 * should not wait for; pruned, clustered and integer ones lose most of it. The order-0 entropy of
 * each byte position over a sample tells them apart (shuffle brings those bytes together).
 * Leaves out what longer contexts would find. */
#include "h5.h"

#include <math.h>

static double entropy_of(const uint32_t counts[256], size_t total)
{
    double bits = 0;
    for (int i = 0; i < 256; i++)
        if (counts[i]) bits -= counts[i] * log2((double)counts[i] / (double)total);
    return bits / (double)total;
}

double gf_h5_entropy(const void *data, size_t count, size_t item)
{
    enum { SAMPLE = 1 << 15 };
    const unsigned char *bytes = data;
    size_t step = count / SAMPLE + 1, total = (count + step - 1) / step;
    double bits = 0;
    for (size_t position = 0; total && position < item; position++) {
        uint32_t counts[256] = { 0 };
        for (size_t i = 0; i < count; i += step) counts[bytes[i * item + position]]++;
        bits += entropy_of(counts, total);
    }
    return item ? bits / (8.0 * (double)item) : 0;
}
