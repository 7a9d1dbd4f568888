/* deploy: what is packed comes back, bytes are those of the encoding, the score counts nothing
 * twice. */
#include "../../src/deploy/encode.h"
#include "../../src/deploy/layout.h"
#include "deploy_symbols.h"

#include <gridfront/deploy.h>
#include <gridfront/method.h>

#include <stdlib.h>
#include <string.h>

static gf_net *build(const char *text)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    gf_shape image = { .height = 32, .width = 32, .channels = 3 };
    if (gf_options_parse(&options, text) == GF_OK)
        gf_test_status(gf_model_build(&net, options, "", image, 10), GF_OK, text, __FILE__,
                       __LINE__);
    gf_options_destroy(options);
    if (net) gf_net_initialize(net, 3, 0);
    return net;
}

/* ---- bits ---- */

TEST("deploy: bits", "what is written is read, and the end is noticed")
{
    gf_text text = { 0 };
    gf_bit_writer writer = { .out = &text };
    for (int bits = 1; bits <= 32; bits++)
        gf_bits_write(&writer, 0x5a5a5a5au & ((1ull << bits) - 1), bits);
    gf_bits_flush(&writer);
    EXPECT_EQ(text.size, (32 * 33 / 2 + 7) / 8);
    gf_bit_reader reader = { .bytes = (const unsigned char *)text.data, .size = text.size };
    for (int bits = 1; bits <= 32; bits++)
        EXPECT_EQ(gf_bits_read(&reader, bits), 0x5a5a5a5au & ((1ull << bits) - 1));
    EXPECT(!reader.exhausted);
    gf_bits_read(&reader, 32);
    EXPECT(reader.exhausted);
    gf_text_release(&text);
}

/* ---- tensors ---- */

enum { COUNT = 1200 };

/* Values of `density` non-zeros; returns the bytes of the record, checks the round trip. */
static size_t round_trip(double density, const gf_code *code)
{
    gf_random random = { .seed = 4, .purpose = GF_PURPOSE_TEST };
    gf_real values[COUNT], back[COUNT];
    gf_text text = { 0 };
    size_t at = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        bool zero = gf_random_uniform(&random, i, 0) >= density;
        double value = gf_random_normal(&random, i, 1);
        if (code->scales) {
            int q = (int)gf_random_below(&random, i, 2, 14) - 7;
            value = (double)((gf_real)(q == 0 ? 1 : q) * code->scale[i / (COUNT / 4)]);
        }
        values[i] = zero ? 0 : (gf_real)value;
    }
    EXPECT_STATUS(gf_tensor_encode(&text, values, COUNT, code), GF_OK);
    EXPECT_STATUS(gf_tensor_decode(back, COUNT, (const unsigned char *)text.data, text.size, &at),
                  GF_OK);
    EXPECT_EQ(at, text.size);
    EXPECT(memcmp(values, back, sizeof values) == 0);
    size_t size = text.size;
    gf_text_release(&text);
    return size;
}

TEST("deploy: tensors", "dense floats take four bytes each, sparse ones less")
{
    const gf_code plain = { 0 };
    EXPECT_EQ(round_trip(1, &plain), 16 + 4 * COUNT);
    size_t half = round_trip(0.5, &plain), few = round_trip(0.02, &plain);
    EXPECT(half < 16 + 4 * COUNT * 0.58 && half > 4 * COUNT * 0.45);
    EXPECT(few < 16 + COUNT * 0.02 * 4 * 1.6 + COUNT / 8.0);
}

TEST("deploy: tensors", "codes of four bits take half a byte each at most, with their scales")
{
    gf_real scale[4] = { 0.1f, 0.02f, 0.3f, 0.7f };
    const gf_code code = {
        .bits = 4, .symmetric = true, .low = -7, .high = 7, .scale = scale, .scales = 4
    };
    EXPECT(round_trip(1, &code) <= 16 + 4 + 16 + COUNT / 2);
    EXPECT(round_trip(0.05, &code) < 16 + 4 + 16 + COUNT * 0.05 * 1.5 + COUNT / 8.0);
}

TEST("deploy: tensors", "a record cut anywhere or of another size is refused")
{
    gf_real values[COUNT], back[COUNT];
    gf_text text = { 0 };
    const gf_code plain = { 0 };
    for (int i = 0; i < COUNT; i++) values[i] = i % 7 ? 0 : (gf_real)i;
    REQUIRE_OK(gf_tensor_encode(&text, values, COUNT, &plain));
    for (size_t cut = 0; cut < text.size; cut += 13) {
        size_t at = 0;
        EXPECT_STATUS(gf_tensor_decode(back, COUNT, (const unsigned char *)text.data, cut, &at),
                      GF_CORRUPT);
    }
    size_t at = 0;
    EXPECT_STATUS(
        gf_tensor_decode(back, COUNT - 1, (const unsigned char *)text.data, text.size, &at),
        GF_CORRUPT);
    gf_text_release(&text);
}

/* ---- codebooks ---- */

/* Blocks of `size` values that lie `inner` apart; every third block zero where blocks are single.
 */
static size_t book_trip(int size, size_t inner, int entries, int scales, bool zeros, gf_coder coder)
{
    gf_real book[64 * 9], scale[4] = { 1, -0.3f, 2.5f, 0.01f }, values[COUNT], back[COUNT];
    uint8_t codes[COUNT];
    gf_text text = { 0 };
    size_t at = 0, used = COUNT / (4 * (size_t)size * inner) * 4 * (size_t)size * inner;
    const gf_code code = { .bits = 6,
                           .kind = GF_CODE_CLUSTERS,
                           .coder = coder,
                           .symmetric = true,
                           .scale = scale,
                           .scales = scales,
                           .book = book,
                           .codes = codes,
                           .entries = entries,
                           .blocks = { .size = size, .inner = inner } };
    for (int i = 0; i < entries * size; i++) book[i] = (gf_real)(i * i % 89 - 40.5);
    for (size_t b = 0; b < used / (size_t)size; b++) {
        codes[b] = (uint8_t)(skewed((uint32_t)b, 8) % (uint32_t)entries);
        for (int j = 0; j < size; j++) {
            size_t i = gf_blocks_at(code.blocks, b, j);
            gf_real s = scale[scales > 1 ? i / (used / 4) : 0];
            values[i] = zeros && b % 3 == 0 ? 0 : book[codes[b] * size + j] * s;
        }
    }
    EXPECT_STATUS(gf_tensor_encode(&text, values, used, &code), GF_OK);
    for (size_t cut = 0; cut < text.size; cut += 11)
        EXPECT_STATUS(
            gf_tensor_decode(back, used, (const unsigned char *)text.data, cut, &(size_t){ 0 }),
            GF_CORRUPT);
    EXPECT_STATUS(gf_tensor_decode(back, used, (const unsigned char *)text.data, text.size, &at),
                  GF_OK);
    EXPECT(at == text.size && memcmp(values, back, used * sizeof *values) == 0);
    size_t bytes = text.size;
    gf_text_release(&text);
    return bytes;
}

TEST("deploy: codebooks", "blocks of any form come back bit for bit, at a code each")
{
    static const struct {
        int size;
        size_t inner;
    } forms[] = { { 1, 1 }, { 4, 1 }, { 9, 5 }, { 9, 1 } };
    for (int coder = GF_CODER_ARITHMETIC; coder <= GF_CODER_HUFFMAN; coder++) {
        for (size_t f = 0; f < GF_COUNT(forms); f++)
            for (int scales = 1; scales <= 4; scales += 3) {
                size_t book = 64 * 4 * (size_t)forms[f].size, codes = COUNT / (size_t)forms[f].size;
                size_t bytes =
                    book_trip(forms[f].size, forms[f].inner, 64, scales, false, (gf_coder)coder);
                EXPECT(bytes <= 20 + 8 + 16 + book + codes * 6 / 8 + 1);
            }
        size_t sparse = book_trip(1, 1, 64, 4, true, (gf_coder)coder);
        EXPECT(sparse < 20 + 8 + 16 + 256 + COUNT * 2 / 3 * 6 / 8 + COUNT / 8);
        book_trip(1, 1, 1, 1, true, (gf_coder)coder);
    }
    printf("sparse codes: arithmetic %zu, Huffman %zu bytes\n",
           book_trip(1, 1, 64, 4, true, GF_CODER_ARITHMETIC),
           book_trip(1, 1, 64, 4, true, GF_CODER_HUFFMAN));
}

/* Codes, gaps of more than 255 zeros and lengths by hand: 20 bits of them are the whole stream. */
TEST("deploy: codebooks", "Huffman's stream is two tables, then gap and code of each value")
{
    enum { FEW = 2000 };
    gf_real book[2] = { 3, 4 }, scale = 1, values[FEW] = { 0 }, back[FEW];
    uint8_t codes[FEW] = { 0 };
    const gf_code code = { .kind = GF_CODE_CLUSTERS,
                           .coder = GF_CODER_HUFFMAN,
                           .scale = &scale,
                           .scales = 1,
                           .book = book,
                           .codes = codes,
                           .entries = 2,
                           .blocks = { .size = 1, .inner = 1 } };
    for (int i = 0; i < FEW; i += 2) values[i] = book[codes[i] = i % 8 == 6];
    gf_text text = { 0 };
    size_t at = 0;
    REQUIRE_OK(gf_tensor_encode(&text, values, FEW, &code));
    /* Head 20, codebook 8 + 8, scale 4; gaps 0 (once) and 1: 12 + 4 bits; codes: 8 + 8 bits; then
     * two bits a value. */
    EXPECT_EQ(text.data[0], 4);
    EXPECT_EQ(text.size, 40 + 4 + FEW / 2 * 2 / 8);
    REQUIRE_OK(gf_tensor_decode(back, FEW, (unsigned char *)text.data, text.size, &at));
    EXPECT(memcmp(back, values, sizeof values) == 0);
    gf_text_release(&text);
}

TEST("deploy: codebooks", "codes outside the book and blocks that do not fit are refused")
{
    gf_real book[3] = { 1, 2, 3 }, scale = 1, values[8], back[8];
    const uint8_t codes[8] = { 0, 1, 2, 2, 1, 0, 0, 1 };
    const gf_code code = { .kind = GF_CODE_CLUSTERS,
                           .scale = &scale,
                           .scales = 1,
                           .book = book,
                           .codes = codes,
                           .entries = 3,
                           .blocks = { .size = 1, .inner = 1 } };
    gf_text text = { 0 };
    for (int i = 0; i < 8; i++) values[i] = book[codes[i]];
    REQUIRE_OK(gf_tensor_encode(&text, values, 8, &code));
    unsigned char *bytes = (unsigned char *)text.data;
    /* Byte 16: entries; 20: size of a block; 24: their distance; the last one: codes. */
    static const struct {
        size_t at;
        unsigned char value;
    } wrong[] = { { 16, 0 }, { 16, 9 }, { 20, 0 }, { 20, 3 }, { 20, 255 },
                  { 24, 0 }, { 24, 3 }, { 27, 9 }, { 1, 9 },  { 3, 17 | 4 } };
    for (size_t w = 0; w < GF_COUNT(wrong); w++) {
        unsigned char kept = bytes[wrong[w].at];
        bytes[wrong[w].at] = wrong[w].value;
        EXPECT_STATUS(gf_tensor_decode(back, 8, bytes, text.size, &(size_t){ 0 }), GF_CORRUPT);
        bytes[wrong[w].at] = kept;
    }
    bytes[text.size - 1] = 0xff; /* the code 3 of an entry that is not there */
    EXPECT_STATUS(gf_tensor_decode(back, 8, bytes, text.size, &(size_t){ 0 }), GF_CORRUPT);
    gf_text_release(&text);
}

/* ---- networks ---- */

enum { BATCH = 3 };

static void logits_of(gf_real *out, gf_net *net, const gf_kernels *kernels)
{
    gf_run *run = NULL;
    gf_random random = { .seed = 8, .purpose = GF_PURPOSE_TEST };
    REQUIRE_OK(gf_run_create(&run, net, kernels, BATCH, false));
    for (uint32_t i = 0; i < BATCH * 3072; i++)
        gf_run_input(run)[i] = (gf_real)gf_random_normal(&random, i, 0);
    gf_run_forward(run, BATCH, GF_MODE_EVALUATE, NULL);
    memcpy(out, gf_run_logits(run), BATCH * 10 * sizeof *out);
    gf_run_destroy(run);
}

TEST("deploy: networks", "an unpacked network gives the bits of the folded one")
{
    const gf_kernels *kernels;
    gf_net *net = build("arch = resnet20\n"), *folded = NULL, *back = NULL;
    gf_real want[BATCH * 10], got[BATCH * 10];
    unsigned char *bytes = NULL;
    size_t size = 0;
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_pack(&bytes, &size, net, kernels));
    REQUIRE_OK(gf_unpack(&back, bytes, size, kernels));
    REQUIRE_OK(gf_net_copy(&folded, net));
    REQUIRE_OK(gf_net_fold_bn(folded, kernels));
    logits_of(want, folded, kernels);
    logits_of(got, back, kernels);
    EXPECT(memcmp(want, got, sizeof want) == 0);
    EXPECT(size > 4 * 270000 && size < 4 * 272474 + 8192);
    free(bytes);
    gf_net_destroy(net);
    gf_net_destroy(folded);
    gf_net_destroy(back);
}

TEST("deploy: networks", "a damaged package is refused")
{
    const gf_kernels *kernels;
    gf_net *net = build("arch = resnet20\nwidth = 4\n"), *back = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0;
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_pack(&bytes, &size, net, kernels));
    for (size_t at = 0; at < size; at += size / 50) {
        bytes[at] ^= 0x10;
        EXPECT_STATUS(gf_unpack(&back, bytes, size, kernels), GF_CORRUPT);
        bytes[at] ^= 0x10;
        EXPECT_STATUS(gf_unpack(&back, bytes, at, kernels), GF_CORRUPT);
    }
    free(bytes);
    gf_net_destroy(net);
}

/* ---- the score ---- */

static gf_challenge score_of(gf_net *net, const gf_cost *original)
{
    const gf_kernels *kernels;
    gf_cost cost;
    gf_challenge score = { 0 };
    EXPECT_STATUS(gf_kernels_get(&kernels), GF_OK);
    EXPECT_STATUS(gf_net_cost(net, kernels, &cost, NULL), GF_OK);
    EXPECT_STATUS(gf_challenge_score(&score, net, original ? original : &cost, kernels), GF_OK);
    return score;
}

TEST("deploy: score", "dense float32 networks score twice their half-precision figure")
{
    gf_net *net = build("arch = resnet18\n");
    gf_challenge score = score_of(net, NULL);
    EXPECT_NEAR(score.nominal, 2 * 1.9895, 2e-3);
    EXPECT_NEAR(score.measured, score.nominal, 1e-9);
    gf_net_destroy(net);
    net = build("arch = resnet20\n");
    EXPECT_NEAR(score_of(net, NULL).nominal, 2 * 0.0972, 2e-4);
    gf_net_destroy(net);
}

TEST("deploy: score", "pruned weights leave the first term once")
{
    const gf_kernels *kernels;
    gf_cost original;
    gf_net *net = build("arch = resnet20\n");
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_net_cost(net, kernels, &original, NULL));
    gf_challenge dense = score_of(net, NULL);
    int64_t zeroed = 0;
    for (int i = 0; i < net->param_count; i++)
        for (size_t k = 0;
             net->params[i].role == GF_ROLE_WEIGHT && k < gf_param_count(&net->params[i]);
             k += 2, zeroed++)
            net->params[i].value[k] = 0;
    gf_challenge sparse = score_of(net, &original);
    double share = (double)zeroed / (double)original.weights;
    EXPECT_NEAR(dense.nominal - sparse.nominal, share * (double)original.parameters / 5.6e6, 1e-9);
    EXPECT_NEAR(dense.measured - sparse.measured, (double)zeroed / 5.6e6, 1e-9);
    gf_net_destroy(net);
}

TEST("deploy: latency", "every pass is timed, and the quantiles are ordered")
{
    const gf_kernels *kernels;
    gf_latency one, many;
    gf_net *net = build("arch = resnet20\n");
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_latency_measure(&one, net, 1, 0.05, kernels));
    REQUIRE_OK(gf_latency_measure(&many, net, 32, 0.05, kernels));
    EXPECT(one.runs >= 5 && many.runs >= 5);
    EXPECT(one.p50 > 0 && one.p99 >= one.p50);
    gf_net_destroy(net);
}
