/* Numbers of the packed form that its writer and its reader share. */
#ifndef GRIDFRONT_DEPLOY_LAYOUT_H
#define GRIDFRONT_DEPLOY_LAYOUT_H

#include "range.h"

typedef enum gf_layout {
    GF_LAYOUT_DENSE,
    GF_LAYOUT_BITMASK,
    GF_LAYOUT_RELATIVE,
    GF_LAYOUT_CODED,
    GF_LAYOUT_HUFFMAN,
    GF_LAYOUT_COUNT
} gf_layout;

/* Codes are integers unless FLOATS, SIGNS or CLUSTERS says otherwise. */
enum {
    GF_FLAG_CODES = 1,
    GF_FLAG_ZEROS = 2,
    GF_FLAG_FLOATS = 4,
    GF_FLAG_SIGNS = 8,
    GF_FLAG_CLUSTERS = 16
};
enum { GF_GAP_BITS_MOST = 16, GF_CLUSTER_BITS_MOST = 8, GF_HUFFMAN_BITS_MOST = 8 };
/* Of Huffman's layout: so many zeros and no value (1510.00149, section 2: 8 bits). */
enum { GF_HUFFMAN_GAP = (1 << GF_HUFFMAN_BITS_MOST) - 1 };

/* The models of the coded layout; "is the next one zero?" depends on the two before it. */
typedef struct gf_coded_models {
    gf_bit_model zero[4], tree[GF_TREE_MODELS];
    int before; /* bit 0: the last one was zero; bit 1: the one before it */
} gf_coded_models;

static inline void gf_coded_models_init(gf_coded_models *models)
{
    for (size_t i = 0; i < GF_COUNT(models->zero); i++) models->zero[i] = gf_bit_model_start;
    for (size_t i = 0; i < GF_COUNT(models->tree); i++) models->tree[i] = gf_bit_model_start;
    models->before = 0;
}

#endif
