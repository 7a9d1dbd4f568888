/* Bit streams, least significant bit first; a reader past the end reads zeros and says so. */
#ifndef GRIDFRONT_DEPLOY_BITS_H
#define GRIDFRONT_DEPLOY_BITS_H

#include <gridfront/base.h>

typedef struct gf_bit_writer {
    gf_text *out; /* borrowed; whole bytes are appended to it */
    uint64_t pending;
    int pending_bits;
} gf_bit_writer;
void gf_bits_write(gf_bit_writer *writer, uint64_t value, int bits); /* bits in [0, 32] */
void gf_bits_flush(gf_bit_writer *writer);                           /* pads to a whole byte */

typedef struct gf_bit_reader {
    const unsigned char *bytes;
    size_t size, next;
    uint64_t pending;
    int pending_bits;
    bool exhausted; /* something was read that is not there */
} gf_bit_reader;
uint32_t gf_bits_read(gf_bit_reader *reader, int bits);

#endif
