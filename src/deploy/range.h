/* Arithmetic coding of single decisions with probabilities that adapt to what was coded before.
 *
 * An interval [low, high] of 32-bit numbers is split at every decision in proportion to the two
 * probabilities and continues with the part of what was decided; leading bytes on which both ends
 * agree are put out (Witten, Neal, Cleary 1987, "Arithmetic coding for data compression", in the
 * form without carries). A symbol is a walk down a binary tree of decisions. No table has to be
 * stored, and a symbol may take less than a bit, which Huffman's codes (Han et al. 2016,
 * 1510.00149, section 4) cannot do. A reader takes any bytes: it gives some decisions or others. */
#ifndef GRIDFRONT_DEPLOY_RANGE_H
#define GRIDFRONT_DEPLOY_RANGE_H

#include "bits.h"

/* Of one decision in one context; gf_bit_model_start is how it begins. */
typedef struct gf_bit_model {
    uint32_t one;  /* probability of true, in units of 2^-28 */
    uint32_t seen; /* decisions so far, at most GF_MODEL_MEMORY */
} gf_bit_model;
extern const gf_bit_model gf_bit_model_start;
enum { GF_MODEL_MEMORY = 1022 };

typedef struct gf_range_writer {
    gf_text *out; /* borrowed */
    uint32_t low, high;
} gf_range_writer;
gf_range_writer gf_range_writer_start(gf_text *out);
/* model NULL: both are as probable. */
void gf_range_write(gf_range_writer *writer, gf_bit_model *model, bool decision);
void gf_range_finish(gf_range_writer *writer); /* four bytes */

/* Reads exactly the bytes that were written; behind the end of `bits` there are zeros, and it says
 * so. */
typedef struct gf_range_reader {
    gf_bit_reader *bits; /* borrowed, at a whole byte */
    uint32_t low, high, value;
} gf_range_reader;
gf_range_reader gf_range_reader_start(gf_bit_reader *bits);
bool gf_range_read(gf_range_reader *reader, gf_bit_model *model);

/* A number of `bits` bits: the highest eight of them at most by a tree of 255 models (models[1] is
 * its root), the others as they are; all of them without a tree (NULL). */
enum { GF_TREE_BITS = 8, GF_TREE_MODELS = 1 << GF_TREE_BITS };
void gf_range_write_number(gf_range_writer *writer, gf_bit_model *tree, uint32_t number, int bits);
uint32_t gf_range_read_number(gf_range_reader *reader, gf_bit_model *tree, int bits);

#endif
