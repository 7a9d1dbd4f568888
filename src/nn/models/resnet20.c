/* He's ResNet20 for CIFAR: three stages of three blocks from 16 channels. 272,474 parameters with
 * 1x1 shortcuts, 269,722 with option A. */
#include "resnet.h"

static const gf_field fields[] = { GF_RESNET_FIELDS("16", "3,3,3") };

const gf_model_kind gf_model_resnet20 = {
    .schema = { .name = "resnet20",
                .summary = "He's ResNet20 for CIFAR: stages of 16-32-64 channels",
                .paper = "He et al. 2016, arXiv 1512.03385, section 4.2",
                .fields = fields },
    .options_size = sizeof(gf_resnet_options),
    .build = gf_resnet_build,
};
