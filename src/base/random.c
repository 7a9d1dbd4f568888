/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
 * section 4): ten rounds of multiply and swap turn an address into four random words.
 * The address: key = seed, counter = (index, element, epoch, ordinal * 256 + purpose). */
#include <gridfront/base.h>

#include <math.h>

enum { ROUNDS = 10 };

void gf_random_block(const gf_random *random, uint32_t index, uint32_t element, uint32_t out[4])
{
    uint32_t key0 = (uint32_t)random->seed, key1 = (uint32_t)(random->seed >> 32);
    uint32_t c0 = index, c1 = element, c2 = random->epoch;
    uint32_t c3 = (random->ordinal << 8) | (uint32_t)random->purpose;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t next0 = (uint32_t)(p1 >> 32) ^ c1 ^ key0;
        uint32_t next2 = (uint32_t)(p0 >> 32) ^ c3 ^ key1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = next0;
        c2 = next2;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

double gf_random_uniform(const gf_random *random, uint32_t index, uint32_t element)
{
    uint32_t words[4];
    gf_random_block(random, index, element, words);
    uint64_t bits = ((uint64_t)words[1] << 32 | words[0]) >> 11;
    return (double)bits * 0x1p-53;
}

uint32_t gf_random_below(const gf_random *random, uint32_t index, uint32_t element, uint32_t bound)
{
    /* 64 random bits: the bias of the multiplication is below 2^-32. */
    uint32_t words[4];
    gf_random_block(random, index, element, words);
    uint64_t bits = (uint64_t)words[1] << 32 | words[0];
    return (uint32_t)(((unsigned __int128)bits * bound) >> 64);
}

double gf_random_normal(const gf_random *random, uint32_t index, uint32_t element)
{
    /* Box and Muller; 1 - u keeps the logarithm finite. */
    uint32_t words[4];
    gf_random_block(random, index, element, words);
    double u = (double)(((uint64_t)words[1] << 32 | words[0]) >> 11) * 0x1p-53;
    double v = (double)(((uint64_t)words[3] << 32 | words[2]) >> 11) * 0x1p-53;
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* Logarithm of a Gamma(shape, 1) variate: Marsaglia and Tsang 2000, "A simple method for generating
 * gamma variables", section 5; below 1 from that of shape + 1 (section 6). Small shapes underflow,
 * their logarithms do not. Nearly every first try is taken. */
static double log_gamma_variate(const gf_random *random, uint32_t index, uint32_t element,
                                double shape)
{
    double boost = 0;
    if (shape < 1) {
        boost = log(1 - gf_random_uniform(random, index, element)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (uint32_t at = element + 1;; at += 2) {
        double x = gf_random_normal(random, index, at), v = 1 + c * x;
        double u = 1 - gf_random_uniform(random, index, at + 1);
        if (v <= 0) continue;
        v = v * v * v;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return log(d * v) + boost;
    }
}

double gf_random_beta(const gf_random *random, uint32_t index, uint32_t element, double a, double b)
{
    double x = log_gamma_variate(random, index, element, a);
    double y = log_gamma_variate(random, index, element + 0x8000, b);
    return 1 / (1 + exp(y - x));
}

void gf_random_permutation(const gf_random *random, uint32_t index, int *out, int count)
{
    for (int i = 0; i < count; i++) out[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int j = (int)gf_random_below(random, index, (uint32_t)i, (uint32_t)i + 1);
        int kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}
