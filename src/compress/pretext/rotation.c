/* Method "rotation": the pretext task of RotNet (Gidaris, Singh, Komodakis 2018, 1803.07728): by
 * how many quarter turns was an image rotated? To say so the trunk has to find what is in it and
 * how that usually stands (section 3.1). Every image is shown in all four rotations in the same
 * step, which the paper found better than one at random (section 3.1, "implementation details"):
 * `batch` counts images, and an epoch costs that of four.
 * Defaults are the paper's for CIFAR-10 (section 4.1: rate 0.1, momentum 0.9, decay 5e-4, batch
 * 128) but for its 100 epochs and the steps of its rate, which `schedule` gives. Left out: the
 * paper's classifiers on maps from the middle of the trunk; a `linear-probe` looks at its end. */
#include "pretext.h"

#include <string.h>

typedef struct rotation_options {
    gf_train_options train;
} rotation_options;

/* out [side, side, channels]: `image`, turned counter-clockwise so many quarters. */
static void turn(gf_real *out, const gf_real *image, int turns, int side, int channels)
{
    int end = side - 1;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const int from[GF_ROTATIONS][2] = {
                { y, x }, { x, end - y }, { end - y, end - x }, { end - x, y }
            };
            int at = from[turns][0] * side + from[turns][1];
            memcpy(out + (y * side + x) * channels, image + at * channels,
                   (size_t)channels * sizeof *out);
        }
}

static void make(const gf_pretext *task, const gf_pretext_call *call)
{
    size_t size = (size_t)(call->height * call->width * call->channels);
    (void)task;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < call->count * GF_ROTATIONS; i++) {
        const gf_real *image = call->images + (size_t)(i / GF_ROTATIONS) * size;
        turn(call->inputs + (size_t)i * size, image, i % GF_ROTATIONS, call->height,
             call->channels);
        call->answers[i] = i % GF_ROTATIONS;
    }
}

const gf_pretext gf_pretext_rotation = {
    .classes = GF_ROTATIONS, .inputs = GF_ROTATIONS, .answers = GF_ROTATIONS, .make = make
};

extern const gf_method gf_method_rotation; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_shape image = call->net->nodes[0].shape;
    (void)options;
    if (image.height != image.width)
        return gf_fail(GF_UNSUPPORTED, "rotation: images of %d x %d are not square", image.height,
                       image.width);
    return gf_pretext_train(call, &gf_method_rotation.schema, &gf_pretext_rotation,
                            gf_pretext_linear_head);
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(rotation_options, "30", "0.1"),
    GF_FIELD_END,
};

const gf_method gf_method_rotation = {
    .schema = { .name = "rotation",
                .summary = "learn without labels by how many quarters an image was turned",
                .paper = "Gidaris et al. 2018, arXiv 1803.07728, section 3.1",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(rotation_options),
    .stage = "pretext",
    .example =
        "{ pretext : { method = \"rotation\"; epochs = 30; augment = ( \"crop\", \"flip\" ); "
        "}; }, { finetune : { epochs = 30; lr = 0.05; }; }",
    .trains = true,
    .questions = GF_ROTATIONS,
    .apply = apply,
};
