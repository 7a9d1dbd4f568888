/* deploy, entropy coding: the range coder against its entropy and its interval, Huffman's codes
 * against Huffman's tree on paper, numbers of every width. */
#include "../../src/deploy/huffman.h"
#include "../../src/deploy/layout.h"
#include "deploy_symbols.h"

#include <stdlib.h>
#include <string.h>

TEST("deploy: entropy", "decisions cost their entropy, whatever their probability")
{
    enum { DECISIONS = 20000 };
    const gf_random random = { .seed = 7, .purpose = GF_PURPOSE_TEST };
    static const double probabilities[] = { 0.5, 0.2, 0.05, 0.004 };
    for (size_t k = 0; k < GF_COUNT(probabilities); k++) {
        gf_text text = { 0 };
        gf_bit_model model = gf_bit_model_start;
        gf_range_writer writer = gf_range_writer_start(&text);
        int ones = 0;
        for (uint32_t i = 0; i < DECISIONS; i++) {
            bool one = gf_random_uniform(&random, i, (uint32_t)k) < probabilities[k];
            gf_range_write(&writer, &model, one);
            ones += one;
        }
        gf_range_finish(&writer);
        double p = (double)ones / DECISIONS;
        double entropy = -(p * log2(p) + (1 - p) * log2(1 - p)) * DECISIONS / 8;
        EXPECT((double)text.size > entropy && (double)text.size < 1.01 * entropy + 12);
        gf_text_release(&text);
    }
}

/* Total length of Huffman's code: the sum of all weights that the two lightest are merged to. */
static double huffman_bits(const int *counts, int symbols, double *kraft)
{
    double weight[256], total = 0;
    int length[256] = { 0 }, group[256];
    for (int s = 0; s < symbols; s++) weight[s] = counts[s];
    for (int s = 0; s < symbols; s++) group[s] = counts[s] ? s : -1;
    for (;;) {
        int a = -1, b = -1;
        for (int s = 0; s < symbols; s++) {
            if (group[s] != s) continue;
            if (a < 0 || weight[s] < weight[a]) {
                b = a;
                a = s;
            } else if (b < 0 || weight[s] < weight[b]) {
                b = s;
            }
        }
        if (b < 0) break;
        for (int s = 0; s < symbols; s++)
            if (group[s] == a || group[s] == b) length[s]++;
        for (int s = 0; s < symbols; s++)
            if (group[s] == b) group[s] = a;
        weight[a] += weight[b];
        total += weight[a];
    }
    *kraft = 0;
    for (int s = 0; s < symbols; s++)
        if (counts[s]) *kraft += ldexp(1, -length[s]);
    return total;
}

TEST("deploy: entropy",
     "symbols cost their entropy, and no more than Huffman's codes and their lengths")
{
    enum { SYMBOLS = 30000 };
    for (int bits = 1; bits <= 8; bits++) {
        gf_text text = { 0 };
        gf_coded_models models;
        gf_range_writer writer = gf_range_writer_start(&text);
        int counts[256] = { 0 };
        double entropy = 0, kraft;
        gf_coded_models_init(&models);
        for (uint32_t i = 0; i < SYMBOLS; i++) {
            counts[skewed(i, bits)]++;
            gf_range_write_number(&writer, models.tree, skewed(i, bits), bits);
        }
        gf_range_finish(&writer);
        for (int s = 0; s < 1 << bits; s++)
            if (counts[s]) entropy -= counts[s] * log2((double)counts[s] / SYMBOLS);
        double huffman = huffman_bits(counts, 1 << bits, &kraft);
        EXPECT_NEAR(kraft, 1, 1e-12);
        EXPECT(huffman >= entropy - 1e-6 && huffman < entropy + SYMBOLS);
        EXPECT(8.0 * (double)text.size > entropy);
        EXPECT(8.0 * (double)text.size < entropy * 1.01 + 10 * (1 << bits) + 64);
        EXPECT(8.0 * (double)text.size < huffman * 1.002 + 8 * (1 << bits) + 64);
        gf_text_release(&text);
    }
}

TEST("deploy: huffman", "codes are as short as Huffman's on paper, and no code begins another")
{
    for (uint32_t salt = 0; salt < 30; salt++) {
        const gf_random random = { .seed = salt, .purpose = GF_PURPOSE_TEST };
        uint64_t weights[GF_HUFFMAN_SYMBOLS] = { 0 };
        int counts[256] = { 0 }, symbols = 2 + (int)salt * 8;
        gf_huffman huffman;
        double kraft, total = 0;
        for (uint32_t s = 0; s < (uint32_t)symbols; s++)
            weights[s] =
                gf_random_below(&random, s, 0, 3) ? gf_random_below(&random, s, 1, 500) : 0;
        for (int s = 0; s < symbols; s++) counts[s] = (int)weights[s];
        weights[255] = counts[255] = 7;
        weights[0] = counts[0] = 1;
        gf_huffman_build(&huffman, weights);
        for (int s = 0; s < 256; s++) {
            EXPECT((huffman.length[s] > 0) == (weights[s] > 0));
            total += (double)weights[s] * huffman.length[s];
        }
        EXPECT_NEAR(total, huffman_bits(counts, 256, &kraft), 0);
        for (int a = 0; a < 256; a++)
            for (int b = 0; b < 256; b++) {
                int shorter = huffman.length[a], longer = huffman.length[b];
                if (a == b || !shorter || longer < shorter) continue;
                EXPECT(huffman.code[b] >> (longer - shorter) != huffman.code[a]);
            }
    }
}

TEST("deploy: huffman", "weights like Fibonacci's numbers end at 15 bits; one symbol takes one")
{
    uint64_t weights[GF_HUFFMAN_SYMBOLS] = { 1, 1 };
    gf_huffman huffman;
    double kraft = 0;
    for (int s = 2; s < 40; s++) weights[s] = weights[s - 1] + weights[s - 2];
    gf_huffman_build(&huffman, weights);
    for (int s = 0; s < 40; s++) {
        EXPECT(huffman.length[s] >= 1 && huffman.length[s] <= GF_HUFFMAN_LENGTH);
        kraft += ldexp(1, -huffman.length[s]);
    }
    EXPECT_NEAR(kraft, 1, 0);
    memset(weights, 0, sizeof weights);
    weights[77] = 5;
    gf_huffman_build(&huffman, weights);
    EXPECT_EQ(huffman.length[77], 1);
}

TEST("deploy: huffman", "what is written is read; lengths that no code has are refused")
{
    gf_text text = { 0 };
    uint64_t weights[GF_HUFFMAN_SYMBOLS] = { 0 };
    gf_huffman huffman, back;
    gf_bit_writer writer = { .out = &text };
    for (uint32_t i = 0; i < 5000; i++) weights[skewed(i, 8)]++;
    gf_huffman_build(&huffman, weights);
    gf_huffman_write_table(&writer, &huffman);
    for (uint32_t i = 0; i < 5000; i++) gf_huffman_write(&writer, &huffman, skewed(i, 8));
    gf_bits_flush(&writer);
    gf_bit_reader reader = { .bytes = (const unsigned char *)text.data, .size = text.size };
    REQUIRE_OK(gf_huffman_read_table(&back, &reader));
    for (uint32_t i = 0; i < 5000; i++)
        EXPECT_EQ(gf_huffman_read(&reader, &back), (int)skewed(i, 8));
    EXPECT(!reader.exhausted && reader.next == text.size);
    gf_text_release(&text);
    const unsigned char crowded[] = { 2, 0x11, 0x01 }, none[] = { 0, 0 };
    reader = (gf_bit_reader){ .bytes = crowded, .size = sizeof crowded };
    EXPECT_STATUS(gf_huffman_read_table(&back, &reader), GF_CORRUPT);
    reader = (gf_bit_reader){ .bytes = none, .size = sizeof none };
    REQUIRE_OK(gf_huffman_read_table(&back, &reader));
    EXPECT_EQ(gf_huffman_read(&reader, &back), -1);
}

/* The same decisions taken by exact fractions: of 64 bits, for as long as these are enough. */
TEST("deploy: entropy", "the stream is a number inside the interval that the decisions leave")
{
    gf_text text = { 0 };
    gf_range_writer writer = gf_range_writer_start(&text);
    gf_bit_model model = { .one = 3u << 26, .seen = GF_MODEL_MEMORY }; /* three quarters */
    long double low = 0, width = 1;
    for (uint32_t i = 0; i < 40; i++) {
        long double p = (long double)(model.one >> 12 | 1) / 65536;
        bool one = skewed(i, 1) == 0;
        gf_range_write(&writer, &model, one);
        if (!one) low += width * p;
        width *= one ? p : 1 - p;
    }
    gf_range_finish(&writer);
    long double value = 0;
    for (size_t i = 0; i < text.size; i++)
        value += ldexpl((unsigned char)text.data[i], -8 * (int)(i + 1));
    EXPECT(value >= low - width * 1e-3L && value <= low + width * 1.001L);
    EXPECT((double)text.size < -log2((double)width) / 8 + 6);
    gf_text_release(&text);
}

TEST("deploy: entropy", "numbers of every width come back, and exactly their bytes are read")
{
    gf_text text = { 0 };
    gf_coded_models models;
    gf_range_writer writer = gf_range_writer_start(&text);
    gf_coded_models_init(&models);
    for (int bits = 1; bits <= 32; bits++) {
        gf_range_write_number(&writer, models.tree, (uint32_t)(0x9abcdef5u & ((1ull << bits) - 1)),
                              bits);
        gf_range_write_number(&writer, NULL, (uint32_t)((1ull << bits) - 1), bits);
    }
    gf_range_finish(&writer);
    gf_text_append_bytes(&text, "next", 4);
    gf_bit_reader bits_of = { .bytes = (const unsigned char *)text.data, .size = text.size };
    gf_range_reader reader = gf_range_reader_start(&bits_of);
    gf_coded_models_init(&models);
    for (int bits = 1; bits <= 32; bits++) {
        EXPECT_EQ(gf_range_read_number(&reader, models.tree, bits),
                  0x9abcdef5u & ((1ull << bits) - 1));
        EXPECT_EQ(gf_range_read_number(&reader, NULL, bits), (1ull << bits) - 1);
    }
    EXPECT(!bits_of.exhausted);
    EXPECT_EQ(bits_of.next, text.size - 4);
    gf_text_release(&text);
}
