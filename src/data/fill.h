/* The colours that augmentations leave behind: black, the mean colour, which normalizes to zero, or
 * the grey of AutoAugment. */
#ifndef GRIDFRONT_DATA_FILL_H
#define GRIDFRONT_DATA_FILL_H

#include <gridfront/data.h>

#define GF_FILL_WORDS "black|mean|grey"

/* word: index into GF_FILL_WORDS. */
static inline gf_real gf_fill_value(const gf_augment_call *call, int word, int channel)
{
    return word == 0 ? 0 : word == 1 ? call->fill[channel] : 128;
}

#endif
