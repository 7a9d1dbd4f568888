/* One tensor of the packed form: the smallest of these layouts, values as codes where the views
 * of the parameter give codes that decode to the very same floats.
 *
 *   record := layout u8, value bits u8, gap bits u8,
 *             flags u8 (1: codes, 2: zero points, 4: codes of a small floating format, 8: of signs,
 *             16: of a codebook),
 *             count u32, stored u32, scales u32,
 *             lowest code (flag 4: format, flag 16: entries of the codebook) i32 if flag 1,
 *             values of a block u32, their distance u32, codebook f32[entries, values] if flag 16,
 *             scale f32[scales], zero f32[scales] if flag 2, bit stream, padded to a byte
 *   dense:    `count` values (a code for each block with flag 16)
 *   bitmask:  one bit a value (1: not zero), then the values that are not zero
 *   relative: per stored value the number of zeros before it, then the value; the largest gap
 *             number means so many zeros and no value (Han et al. 2016, 1510.00149, section 2)
 *   coded:    per value, where some are zero, the decision whether it is; then the value, codes
 *             with their highest eight bits modelled, floats as they are (range.h)
 *   huffman:  in place of coded where the code asks for it: the table of gaps where some are zero,
 *             the table of codes (huffman.h), then as relative with gaps of 8 bits, both as
 *             Huffman's codes (1510.00149, section 4); codes of 8 bits at most
 * Numbers are little-endian. Values of 32 bits are the floats themselves. The code of a sign is 1
 * for the scale and 0 for its negative; zeros have none, so that dense cannot hold them; the same
 * holds for codebooks whose blocks are single values. Of larger blocks everything is stored, and
 * `count` and `stored` are numbers of values all the same. */
#ifndef GRIDFRONT_DEPLOY_ENCODE_H
#define GRIDFRONT_DEPLOY_ENCODE_H

#include <gridfront/nn.h>

/* values [count], the effective weight; code: how views describe it (zeroed: plain floats). */
gf_status gf_tensor_encode(gf_text *out, const gf_real *values, size_t count, const gf_code *code);
/* Reads one record at *at and moves behind it. CORRUPT. */
gf_status gf_tensor_decode(gf_real *values, size_t count, const unsigned char *bytes, size_t size,
                           size_t *at);

#endif
