/* ResNet18 for CIFAR: four stages of two blocks from 64 channels. 11,173,962 parameters,
 * 555,422,720 MACs. */
#include "resnet.h"

static const gf_field fields[] = { GF_RESNET_FIELDS("64", "2,2,2,2") };

const gf_model_kind gf_model_resnet18 = {
    .schema = { .name = "resnet18",
                .summary = "ResNet18 for 32 x 32 images: stages of 64-128-256-512 channels",
                .paper = "He et al. 2016, arXiv 1512.03385",
                .fields = fields },
    .options_size = sizeof(gf_resnet_options),
    .build = gf_resnet_build,
};
