/* What Adam and AdamW share. */
#ifndef GRIDFRONT_NN_OPTIM_ADAM_H
#define GRIDFRONT_NN_OPTIM_ADAM_H

#include <gridfront/nn.h>

typedef struct gf_adam_options {
    double beta1, beta2, eps;
} gf_adam_options;
extern const gf_field gf_adam_fields[];

#define GF_ADAM_STATES "moment1", "moment2"
void gf_adam_step(const gf_optimizer_call *call, const gf_adam_options *options);

#endif
