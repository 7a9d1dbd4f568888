/* Method "thinet": a filter goes if the next layer hardly notices (Luo, Wu, Lin 2017, 1707.06342,
 * sections 3.2 and 3.3). An output of the next layer, at a place and a filter drawn by chance, is a
 * sum of what its input channels contribute, y = sum_c x_c. The set T that is removed grows
 * greedily (algorithm 1) so that sum (sum_{c in T} x_c)^2 over all samples stays smallest; then the
 * channels that stay are rescaled in the next layer by w = argmin sum (y - sum_c w_c x_c)^2
 * (equation 7). In ResNets only channels inside a block are touched, as in section 3.3; layers are
 * pruned from the first to the last, each in the network that the pruning before it left. Choices:
 * a ridge of 1e-9 of the mean square keeps factors of dead channels at 1. Of a channel in several
 * blocks of a grouped convolution the contributions are judged together and rescaled apart. Left
 * out: the epoch of fine-tuning after each layer; `finetune` follows the whole. */
#include "prune.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 100 };
#define RIDGE 1e-9

typedef struct thinet_options {
    double amount;
    int min_channels, images, samples;
    bool rescale;
} thinet_options;

/* A layer that reads the channels of a group, and what its sampled outputs are made of. */
typedef struct reader {
    const gf_channel_slice *slice;
    const gf_node *node;
    gf_param *weight;
    gf_conv_attributes geometry;
    int width;      /* input channels of one filter */
    gf_real *taps;  /* the weight as the forward pass uses it */
    gf_real *parts; /* [images * samples, width]: row r is of a filter in block r % blocks */
    double *gram;   /* [blocks, width, width] of the rows of each block */
} reader;

typedef struct layer {
    const gf_method_call *call;
    const thinet_options *options;
    const gf_channel_group *group;
    reader *readers;
    int reader_count, images;
} layer;

static void layer_release(layer *l)
{
    for (int i = 0; i < l->reader_count; i++) {
        free(l->readers[i].taps);
        free(l->readers[i].parts);
        free(l->readers[i].gram);
    }
    free(l->readers);
}

/* ---- sampling ---- */

static const gf_node *node_of(const gf_net *net, int param)
{
    for (int n = 0; n < net->node_count; n++)
        if (net->nodes[n].param_count > 0 && net->nodes[n].params[0] == param)
            return &net->nodes[n];
    return NULL;
}

static gf_conv_attributes geometry_of(const gf_node *node)
{
    const gf_linear_attributes *linear = (const void *)node->attributes;
    if (strcmp(node->kind->schema.name, "linear") != 0)
        return *(const gf_conv_attributes *)(const void *)node->attributes;
    return (gf_conv_attributes){
        .filters = linear->features, .kernel_height = 1, .kernel_width = 1, .stride = 1, .groups = 1
    };
}

static gf_status reader_init(reader *r, const layer *l, const gf_channel_slice *slice)
{
    gf_status status = GF_OK;
    gf_net *net = l->call->net;
    size_t rows = (size_t)l->images * (size_t)l->options->samples;
    *r = (reader){ .slice = slice,
                   .node = node_of(net, slice->param),
                   .weight = &net->params[slice->param],
                   .width = l->group->channels / slice->blocks };
    r->geometry = geometry_of(r->node);
    size_t width = (size_t)r->width;
    GF_TRY_ALLOC(r->taps = gf_alloc(gf_param_count(r->weight), sizeof *r->taps));
    GF_TRY_ALLOC(r->parts = gf_alloc(rows * width, sizeof *r->parts));
    GF_TRY_ALLOC(r->gram = gf_alloc((size_t)slice->blocks * width * width, sizeof *r->gram));
    gf_param_effective(r->weight, l->call->kernels, r->taps);
out:
    return status;
}

static gf_status layer_init(layer *l)
{
    gf_status status = GF_OK;
    GF_TRY_ALLOC(l->readers = gf_alloc((size_t)l->group->slice_count + 1, sizeof *l->readers));
    for (int i = 0; i < l->group->slice_count; i++)
        if (l->group->slices[i].axis == 3)
            GF_TRY(reader_init(&l->readers[l->reader_count++], l, &l->group->slices[i]));
out:
    return status;
}

/* Adds to part [width] what each input channel of this block gives to the filter's output at
 * (y, x) of one image. */
static void add_parts(gf_real *part, const reader *r, const gf_real *image, gf_shape in, int filter,
                      int block, int y, int x)
{
    const gf_conv_attributes *g = &r->geometry;
    size_t depth = (size_t)r->weight->dims[3];
    for (int ky = 0; ky < g->kernel_height; ky++)
        for (int kx = 0; kx < g->kernel_width; kx++) {
            int iy = y * g->stride - g->pad_height + ky, ix = x * g->stride - g->pad_width + kx;
            if (iy < 0 || iy >= in.height || ix < 0 || ix >= in.width) continue;
            size_t tap =
                ((size_t)filter * (size_t)g->kernel_height + (size_t)ky) * (size_t)g->kernel_width +
                (size_t)kx;
            const gf_real *w = r->taps + tap * depth + r->slice->first;
            const gf_real *v = image + (size_t)(iy * in.width + ix) * (size_t)in.channels +
                               r->slice->first + block * r->width;
            for (int c = 0; c < r->width; c++) part[c] += w[c] * v[c];
        }
}

/* The samples of one image, which is number `index` of the training split. */
static void sample_image(const layer *l, const reader *r, const gf_real *image, int index)
{
    const gf_random random = gf_random_for(l->call, r->node->name);
    gf_shape in = l->call->net->nodes[r->node->inputs[0]].shape, out = r->node->shape;
    int blocks = r->slice->blocks, filters = r->geometry.filters / blocks;
    for (int s = 0; s < l->options->samples; s++) {
        int row = index * l->options->samples + s, block = row % blocks;
        uint32_t at = (uint32_t)row;
        int filter = block * filters + (int)gf_random_below(&random, at, 0, (uint32_t)filters);
        int y = (int)gf_random_below(&random, at, 1, (uint32_t)out.height);
        int x = (int)gf_random_below(&random, at, 2, (uint32_t)out.width);
        add_parts(r->parts + (size_t)row * (size_t)r->width, r, image, in, filter, block, y, x);
    }
}

static void sample_batch(const layer *l, const gf_run *run, int first, int count)
{
    for (int i = 0; i < l->reader_count; i++) {
        const reader *r = &l->readers[i];
        int input = r->node->inputs[0];
        size_t size = gf_shape_count(l->call->net->nodes[input].shape);
        const gf_real *values = gf_run_value(run, input);
#pragma omp parallel for schedule(static)
        for (int k = 0; k < count; k++) sample_image(l, r, values + (size_t)k * size, first + k);
    }
}

static gf_status sample(const layer *l)
{
    gf_status status;
    gf_run *run = NULL;
    int positions[BATCH], labels[BATCH];
    GF_TRY(gf_run_create(&run, l->call->net, l->call->kernels, BATCH, false));
    for (int i = 0; i < l->reader_count; i++)
        GF_TRY(gf_run_want_value(run, l->readers[i].node->inputs[0]));
    for (int first = 0; first < l->images; first += BATCH) {
        int count = l->images - first < BATCH ? l->images - first : BATCH;
        for (int k = 0; k < count; k++) positions[k] = first + k;
        gf_data_batch(gf_run_input(run), labels, l->call->data, GF_TRAIN, positions, count, NULL,
                      NULL);
        gf_run_forward(run, count, GF_MODE_EVALUATE, NULL);
        sample_batch(l, run, first, count);
    }
out:
    gf_run_destroy(run);
    return status;
}

static void make_grams(const layer *l)
{
    int rows = l->images * l->options->samples;
    for (int i = 0; i < l->reader_count; i++) {
        reader *r = &l->readers[i];
        size_t width = (size_t)r->width;
        int blocks = r->slice->blocks;
        for (int b = 0; b < blocks; b++)
            gf_gram(r->gram + (size_t)b * width * width, r->parts + (size_t)b * width,
                    (rows - b + blocks - 1) / blocks, r->width, width * (size_t)blocks);
    }
}

/* ---- which channels go ---- */

/* gram [positions, positions] over the samples of all readers and blocks. */
static void add_up_grams(double *gram, const layer *l, int positions)
{
    for (int i = 0; i < l->reader_count; i++) {
        const reader *r = &l->readers[i];
        const double *from = r->gram;
        for (int b = 0; b < r->slice->blocks; b++)
            for (int c = 0; c < r->width; c++)
                for (int d = 0; d < r->width; d++)
                    gram[c % positions * positions + d % positions] += *from++;
    }
}

/* What the sum of squares would grow by is gram[p][p] + 2 sum_{q in T} gram[p][q]. */
static void remove_least(bool *stays, double *shared, const double *gram, int positions)
{
    int least = -1;
    double best = 0;
    for (int p = 0; p < positions; p++) {
        double added = gram[p * positions + p] + 2 * shared[p];
        if (!stays[p] || (least >= 0 && !(added < best))) continue;
        least = p;
        best = added;
    }
    stays[least] = false;
    for (int p = 0; p < positions; p++) shared[p] += gram[least * positions + p];
}

static gf_status choose(bool *stays, const layer *l, int positions, int kept)
{
    gf_status status = GF_OK;
    double *gram = gf_alloc((size_t)positions * (size_t)positions, sizeof *gram);
    double *shared = gf_alloc((size_t)positions, sizeof *shared);
    GF_TRY_ALLOC(gram && shared);
    add_up_grams(gram, l, positions);
    for (int p = 0; p < positions; p++) stays[p] = true;
    for (int left = positions; left > kept; left--) remove_least(stays, shared, gram, positions);
out:
    free(gram);
    free(shared);
    return status;
}

/* ---- rescaling what stays ---- */

/* With w = 1 + d the sum of squares to be made least is that of what the removed channels gave
 * minus sum d_c x_c over the kept ones: a d = b. Returns the trace of a. */
static double fill_system(double *a, double *b, const double *gram, int width, const bool *removed,
                          const int *kept, int count)
{
    double trace = 0;
    for (int k = 0; k < count; k++) {
        const double *row = gram + (size_t)kept[k] * (size_t)width;
        trace += row[kept[k]];
        b[k] = 0;
        for (int c = 0; c < width; c++) b[k] += removed[c] ? row[c] : 0;
        for (int j = 0; j < count; j++) a[k * count + j] = row[kept[j]];
    }
    return trace;
}

/* change [width]: what is added to the factor 1 of each channel, in one block. */
static gf_status fit(double *change, const double *gram, int width, const bool *removed)
{
    gf_status status = GF_OK;
    int count = 0;
    int *kept = gf_alloc((size_t)width, sizeof *kept);
    double *a = gf_alloc((size_t)width * (size_t)width, sizeof *a);
    double *d = gf_alloc((size_t)width, sizeof *d);
    GF_TRY_ALLOC(kept && a && d);
    for (int c = 0; c < width; c++)
        if (!removed[c]) kept[count++] = c;
    double trace = fill_system(a, d, gram, width, removed, kept, count);
    for (int k = 0; k < count; k++) a[k * (count + 1)] += RIDGE * trace / count;
    if (trace != 0) GF_TRY(gf_solve_symmetric(d, a, count)); /* else every sample of them is 0 */
    for (int c = 0; c < width; c++) change[c] = 0;
    for (int k = 0; k < count; k++) change[kept[k]] = d[k];
out:
    free(kept);
    free(a);
    free(d);
    return status;
}

static void scale_block(const reader *r, int block, const double *change)
{
    size_t depth = (size_t)r->weight->dims[3];
    size_t rows = gf_param_count(r->weight) / depth / (size_t)r->slice->blocks;
    for (size_t i = 0; i < rows; i++) {
        gf_real *w = r->weight->value + ((size_t)block * rows + i) * depth + r->slice->first;
        for (int c = 0; c < r->width; c++) w[c] *= (gf_real)(1 + change[c]);
    }
}

static gf_status rescale(const reader *r, const bool *stays, int positions)
{
    gf_status status = GF_OK;
    size_t width = (size_t)r->width;
    double *change = gf_alloc(width, sizeof *change);
    bool *removed = gf_alloc(width, sizeof *removed);
    GF_TRY_ALLOC(change && removed);
    for (int c = 0; c < r->width; c++) removed[c] = !stays[c % positions];
    for (int b = 0; b < r->slice->blocks; b++) {
        GF_TRY(fit(change, r->gram + (size_t)b * width * width, r->width, removed));
        scale_block(r, b, change);
    }
out:
    free(change);
    free(removed);
    return status;
}

/* ---- the method ---- */

static gf_status prune_layer(layer *l, int kept)
{
    gf_status status;
    int positions = gf_group_positions(l->group);
    bool *stays = gf_alloc((size_t)positions, sizeof *stays);
    GF_TRY_ALLOC(stays);
    GF_TRY(layer_init(l));
    GF_TRY(sample(l));
    make_grams(l);
    GF_TRY(choose(stays, l, positions, kept));
    for (int i = 0; l->options->rescale && i < l->reader_count; i++)
        GF_TRY(rescale(&l->readers[i], stays, positions));
    GF_TRY(gf_group_keep_positions(l->call->net, l->group, stays));
out:
    free(stays);
    return status;
}

static gf_status prune_group(const gf_method_call *call, const thinet_options *o,
                             const gf_channel_group *group)
{
    int kept = gf_group_count_kept(group, o->amount, o->min_channels);
    int there = gf_data_count(call->data, GF_TRAIN);
    layer l = {
        .call = call, .options = o, .group = group, .images = o->images < there ? o->images : there
    };
    if (!group->prunable || !group->internal || kept == gf_group_positions(group)) return GF_OK;
    gf_status status = prune_layer(&l, kept);
    layer_release(&l);
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    gf_channel_groups groups = { 0 };
    GF_TRY(gf_channel_groups_find(&groups, call->net));
    for (int i = 0; i < groups.count; i++) {
        GF_TRY(prune_group(call, options, &groups.items[i]));
        gf_channel_groups_release(&groups); /* concatenations move what comes later */
        GF_TRY(gf_channel_groups_find(&groups, call->net));
    }
out:
    gf_channel_groups_release(&groups);
    return status;
}

static const gf_field fields[] = {
    GF_FILTER_AMOUNT_FIELD(thinet_options),
    GF_FILTER_LEAST_FIELD(thinet_options),
    GF_FIELD(thinet_options, images, "1000", "[1, 100000]", "images",
             "of the training split that outputs are sampled on"),
    GF_FIELD(thinet_options, samples, "10", "[1, 1000]", "",
             "outputs of the next layer per image, at places and filters drawn by chance"),
    GF_FIELD(thinet_options, rescale, "true", NULL, "",
             "the next layer's weights by least squares, so that its outputs stay"),
    GF_FIELD_END,
};

const gf_method gf_method_thinet = {
    .schema = { .name = "thinet",
                .summary = "remove the filters that the next layer misses least, rescale the rest",
                .paper = "Luo et al. 2017, arXiv 1707.06342, sections 3.2 and 3.3",
                .fields = fields },
    .options_size = sizeof(thinet_options),
    .stage = "prune",
    .example = "{ prune : { method = \"thinet\"; amount = 0.5; }; }, "
               "{ finetune : { epochs = 5; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_SHIFTED,
    .refusal = "least squares rescales weights of whole kernels that lie on no grid; prune before",
    .adds = GF_FACT_SHRUNK,
    .neutral = "amount = 0\n",
    .apply = apply,
};
