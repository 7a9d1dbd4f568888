/* Applying a chain to one image. */
#ifndef GRIDFRONT_DATA_AUGMENT_H
#define GRIDFRONT_DATA_AUGMENT_H

#include <gridfront/data.h>

void gf_augment_chain_apply(const gf_augment_chain *chain, gf_augment_call *call);

#endif
