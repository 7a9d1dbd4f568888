/* Adaptive binary arithmetic coding. The interval is never empty: high > low holds between
 * decisions, and the split lies in [low, high). */
#include "range.h"

#define CERTAIN (1u << 28)

const gf_bit_model gf_bit_model_start = { .one = CERTAIN / 2 };

/* The estimator of Krichevsky and Trofimov, (ones + 1/2) / (seen + 1), which forgets what lies
 * further back than its memory. */
static void learn(gf_bit_model *model, bool decision)
{
    uint32_t step = model->seen + 2;
    if (decision)
        model->one += (CERTAIN - model->one) / step;
    else
        model->one -= model->one / step;
    if (model->seen < GF_MODEL_MEMORY) model->seen++;
}

static uint32_t split(uint32_t low, uint32_t high, const gf_bit_model *model)
{
    uint32_t one = model ? model->one >> 12 | 1 : 1u << 15; /* in 2^-16 */
    return low + (uint32_t)((uint64_t)(high - low) * one >> 16);
}

static bool agree(uint32_t low, uint32_t high)
{
    return (low ^ high) >> 24 == 0;
}

/* ---- writing ---- */

gf_range_writer gf_range_writer_start(gf_text *out)
{
    return (gf_range_writer){ .out = out, .high = UINT32_MAX };
}

static void put_byte(gf_range_writer *writer, uint32_t byte)
{
    char c = (char)byte;
    gf_text_append_bytes(writer->out, &c, 1);
}

void gf_range_write(gf_range_writer *writer, gf_bit_model *model, bool decision)
{
    uint32_t middle = split(writer->low, writer->high, model);
    if (decision)
        writer->high = middle;
    else
        writer->low = middle + 1;
    if (model) learn(model, decision);
    while (agree(writer->low, writer->high)) {
        put_byte(writer, writer->high >> 24);
        writer->low <<= 8;
        writer->high = writer->high << 8 | 0xff;
    }
}

void gf_range_finish(gf_range_writer *writer)
{
    for (int shift = 24; shift >= 0; shift -= 8) put_byte(writer, writer->low >> shift);
}

/* ---- reading ---- */

gf_range_reader gf_range_reader_start(gf_bit_reader *bits)
{
    gf_range_reader reader = { .bits = bits, .high = UINT32_MAX };
    for (int i = 0; i < 4; i++) reader.value = reader.value << 8 | gf_bits_read(bits, 8);
    return reader;
}

bool gf_range_read(gf_range_reader *reader, gf_bit_model *model)
{
    uint32_t middle = split(reader->low, reader->high, model);
    bool decision = reader->value <= middle;
    if (decision)
        reader->high = middle;
    else
        reader->low = middle + 1;
    if (model) learn(model, decision);
    while (agree(reader->low, reader->high)) {
        reader->low <<= 8;
        reader->high = reader->high << 8 | 0xff;
        reader->value = reader->value << 8 | gf_bits_read(reader->bits, 8);
    }
    return decision;
}

/* ---- numbers ---- */

/* The model of the next bit, NULL below the tree. node: a 1 and the bits so far. */
static gf_bit_model *model_at(gf_bit_model *tree, uint64_t node)
{
    return tree && node < GF_TREE_MODELS ? &tree[node] : NULL;
}

void gf_range_write_number(gf_range_writer *writer, gf_bit_model *tree, uint32_t number, int bits)
{
    uint64_t node = 1;
    for (int bit = bits - 1; bit >= 0; bit--) {
        bool decision = number >> bit & 1;
        gf_range_write(writer, model_at(tree, node), decision);
        node = node << 1 | decision;
    }
}

uint32_t gf_range_read_number(gf_range_reader *reader, gf_bit_model *tree, int bits)
{
    uint64_t node = 1;
    for (int bit = bits - 1; bit >= 0; bit--)
        node = node << 1 | gf_range_read(reader, model_at(tree, node));
    return (uint32_t)(node - (1ull << bits));
}
