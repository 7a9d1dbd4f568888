/* Huffman's codes (1952) in their canonical form: only lengths are stored, and codes of equal
 * length are numbered in the order of the symbols. What Deep Compression stores its codes and its
 * gaps with (Han et al. 2016, 1510.00149, section 4).
 *
 *   table := largest symbol that occurs u8, then the length of each symbol's code up to it, four
 *            bits each, 0: it does not occur
 * Lengths end at 15: weights are halved until they do, which costs symbols that hardly occur a
 * little. A symbol alone still takes a bit. */
#ifndef GRIDFRONT_DEPLOY_HUFFMAN_H
#define GRIDFRONT_DEPLOY_HUFFMAN_H

#include "bits.h"

enum { GF_HUFFMAN_SYMBOLS = 256, GF_HUFFMAN_LENGTH = 15 };

typedef struct gf_huffman {
    unsigned char length[GF_HUFFMAN_SYMBOLS]; /* bits; 0: none */
    uint16_t code[GF_HUFFMAN_SYMBOLS];        /* its first bit is the highest one */
    /* For the reader: how many codes there are of each length, and all symbols by code. */
    uint16_t counts[GF_HUFFMAN_LENGTH + 1];
    unsigned char sorted[GF_HUFFMAN_SYMBOLS];
} gf_huffman;

/* The code of least total length for these weights; those of weight 0 get none. */
void gf_huffman_build(gf_huffman *huffman, const uint64_t weights[GF_HUFFMAN_SYMBOLS]);
void gf_huffman_write_table(gf_bit_writer *writer, const gf_huffman *huffman);
/* CORRUPT: no prefix code has such lengths. */
gf_status gf_huffman_read_table(gf_huffman *huffman, gf_bit_reader *reader);
void gf_huffman_write(gf_bit_writer *writer, const gf_huffman *huffman, uint32_t symbol);
/* The next symbol; -1: its code is nobody's. */
int gf_huffman_read(gf_bit_reader *reader, const gf_huffman *huffman);

#endif
