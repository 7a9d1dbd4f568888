/* Weight view "drawn": which cluster each row of a weight's kernels belongs to, while "deep-kmeans"
 * draws the rows of a cluster together (deep_kmeans.c). It changes no value: it is there so that
 * clusters are part of the network, and so of every checkpoint of the training. */
#include "share.h"

#include <string.h>

typedef struct drawn_options {
    int bits;
} drawn_options;

gf_blocks gf_rows_of(const gf_param *weight)
{
    int width = weight->dims[2];
    if (width == 1 || width > GF_CLUSTER_BLOCK) return (gf_blocks){ .size = 1, .inner = 1 };
    return (gf_blocks){ .size = width, .inner = (size_t)weight->dims[3] };
}

size_t gf_rows_count(const gf_param *weight)
{
    return gf_param_count(weight) / (size_t)gf_rows_of(weight).size;
}

uint8_t *gf_drawn_codes(gf_view *view)
{
    return view->states[0].data;
}

int gf_drawn_bits(const gf_view *view)
{
    return ((const drawn_options *)(const void *)view->options)->bits;
}

gf_status gf_draw(gf_param *weight, int bits, const uint8_t *codes)
{
    gf_status status;
    gf_view *view;
    const drawn_options options = { .bits = bits };
    int64_t rows = (int64_t)gf_rows_count(weight);
    GF_TRY(gf_param_add_view(weight, &view, "drawn", &options));
    GF_TRY(gf_view_add_state(view, "codes", GF_U8, 1, &rows, codes));
out:
    return status;
}

static bool check(const gf_view *view, const gf_param *param)
{
    const gf_tensor *codes = &view->states[0];
    if (param->rank != 4 || view->state_count != 1 || strcmp(codes->name, "codes") != 0 ||
        codes->dtype != GF_U8 || codes->rank != 1 || (size_t)codes->dims[0] != gf_rows_count(param))
        return false;
    int entries = gf_cluster_entries(gf_drawn_bits(view), gf_rows_count(param));
    for (int64_t i = 0; i < codes->dims[0]; i++)
        if (((const uint8_t *)codes->data)[i] >= entries) return false;
    return true;
}

static const gf_field fields[] = {
    GF_FIELD(drawn_options, bits, NULL, "[1, 8]", "bits", "of a cluster's number"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_drawn = {
    .schema = { .name = "drawn",
                .summary = "clusters that rows of kernels are drawn to",
                .paper = "Wu et al. 2018, arXiv 1806.09228, section 3",
                .fields = fields },
    .options_size = sizeof(drawn_options),
    .forward = gf_view_pass,
    .backward = gf_view_pass_back,
    .check = check,
};
