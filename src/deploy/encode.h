/* One tensor of the packed form: the cheapest of three layouts, values as codes where the views
 * of the parameter give codes that decode to the very same floats.
 *
 *   record := layout u8, value bits u8, gap bits u8, flags u8 (1: codes, 2: zero points),
 *             count u32, stored u32, scales u32, lowest code i32 if flag 1,
 *             scale f32[scales], zero f32[scales] if flag 2,
 *             bit stream, padded to a byte
 *   dense:    `count` values
 *   bitmask:  one bit a value (1: not zero), then the values that are not zero
 *   relative: per stored value the number of zeros before it, then the value; the largest gap
 *             number means so many zeros and no value (Han et al. 2016, 1510.00149, section 2)
 * Numbers are little-endian. Values of 32 bits are the floats themselves. */
#ifndef GRIDFRONT_DEPLOY_ENCODE_H
#define GRIDFRONT_DEPLOY_ENCODE_H

#include <gridfront/nn.h>

/* values [count], the effective weight; code: how views describe it (zeroed: plain floats). */
gf_status gf_tensor_encode(gf_text *out, const gf_real *values, size_t count, const gf_code *code);
/* Reads one record at *at and moves behind it. CORRUPT. */
gf_status gf_tensor_decode(gf_real *values, size_t count, const unsigned char *bytes, size_t size,
                           size_t *at);

#endif
