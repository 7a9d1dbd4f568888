/* Method "product": product quantization that looks at outputs, "And the bit goes down" (Stock et
 * al. 2020, 1907.05686, section 3). Of each convolution with a kernel wider than 1x1 the kernels, a
 * filter's weights for one input channel, become vectors v of a codebook such that the error of the
 * outputs, not of the weights, is small: sum ||x (v - c)||^2 over the rows x of unfolded
 * activations of training images (section 3.2). With x^T x = R^T R that is k-means of the vectors
 * R v: the E-step takes the nearest R c, and what least squares give as the M-step are means.
 * Layers are done from the first to the last, each on what the network compressed so far gives it;
 * then the codebooks learn the outputs of the uncompressed network, from no labels, each entry by
 * the mean of its members' gradients (section 3.3).
 * Choices: layers without such kernels (1x1, fully connected) share single weights, so that
 * channels can still be removed; the first layer is left as it is, as in the paper; a codebook has
 * at most one entry per four vectors, as there. Left out: training between the layers. */
#include "share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 50, SINGLE_ROUNDS = 300 };
#define RIDGE 1e-6 /* of the mean square, for directions that no image shows */

typedef struct product_options {
    gf_train_options train;
    char teacher[256];
    int bits, single_bits, rounds, images, samples;
    bool weighted;
} product_options;

extern const gf_method gf_method_product; /* below; its schema says how long it trains */

/* ---- the activations' root: R with R^T R = x^T x ---- */

typedef struct unfolded {
    const gf_node *node;
    const gf_conv_attributes *geometry;
    gf_shape in;
    double *gram; /* [size, size] */
    int size;
} unfolded;

/* Adds the patch under the kernel at (y, x) of every channel. image [height, width, channels] */
static void add_patches(unfolded *u, const gf_real *image, int y, int x)
{
    const gf_conv_attributes *g = u->geometry;
    double patch[GF_CLUSTER_BLOCK];
    for (int c = 0; c < u->in.channels; c++) {
        for (int j = 0; j < u->size; j++) {
            int iy = y * g->stride - g->pad_height + j / g->kernel_width;
            int ix = x * g->stride - g->pad_width + j % g->kernel_width;
            bool inside = iy >= 0 && iy < u->in.height && ix >= 0 && ix < u->in.width;
            size_t at = (size_t)(iy * u->in.width + ix) * (size_t)u->in.channels + (size_t)c;
            patch[j] = inside ? (double)image[at] : 0;
        }
        for (int i = 0; i < u->size; i++)
            for (int j = 0; j < u->size; j++) u->gram[i * u->size + j] += patch[i] * patch[j];
    }
}

/* `samples` places of each image, drawn by chance. */
static void add_image(unfolded *u, const gf_real *image, uint32_t index, int samples,
                      const gf_random *random)
{
    for (uint32_t s = 0; s < (uint32_t)samples; s++) {
        uint32_t height = (uint32_t)u->node->shape.height, width = (uint32_t)u->node->shape.width;
        int y = (int)gf_random_below(random, index, 2 * s, height);
        int x = (int)gf_random_below(random, index, 2 * s + 1, width);
        add_patches(u, image, y, x);
    }
}

static gf_status add_activations(unfolded *u, const gf_method_call *call, const product_options *o,
                                 const gf_random *random)
{
    gf_status status;
    gf_run *run = NULL;
    int positions[BATCH], labels[BATCH], input = u->node->inputs[0];
    int there = gf_data_count(call->data, GF_TRAIN), images = o->images < there ? o->images : there;
    GF_TRY(gf_run_create(&run, call->net, call->kernels, BATCH, false));
    GF_TRY(gf_run_want_value(run, input));
    for (int first = 0; first < images; first += BATCH) {
        int count = images - first < BATCH ? images - first : BATCH;
        for (int k = 0; k < count; k++) positions[k] = first + k;
        gf_data_batch(gf_run_input(run), labels, call->data, GF_TRAIN, positions, count, NULL,
                      NULL);
        gf_run_forward(run, count, GF_MODE_EVALUATE, NULL);
        for (int k = 0; k < count; k++)
            add_image(u, gf_run_value(run, input) + (size_t)k * gf_shape_count(u->in),
                      (uint32_t)(first + k), o->samples, random);
    }
out:
    gf_run_destroy(run);
    return status;
}

gf_status gf_product_root(gf_real *root, const double *gram, int size)
{
    gf_real a[GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK], left[GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK];
    gf_real values[GF_CLUSTER_BLOCK];
    gf_status status;
    double trace = 0;
    for (int j = 0; j < size; j++) trace += gram[j * (size + 1)];
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            double ridge = i == j ? (trace > 0 ? RIDGE : 1) : 0;
            a[i * size + j] =
                (gf_real)((trace > 0 ? gram[i * size + j] * size / trace : 0) + ridge);
        }
    GF_TRY(gf_svd(left, values, root, a, size, size));
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) root[i * size + j] *= (gf_real)sqrt((double)values[i]);
out:
    return status;
}

static gf_status find_root(gf_real *root, const gf_method_call *call, const product_options *o,
                           const gf_node *node, const gf_random *random)
{
    gf_status status;
    double gram[GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK] = { 0 };
    const gf_conv_attributes *geometry = (const void *)node->attributes;
    unfolded u = { .node = node,
                   .geometry = geometry,
                   .in = call->net->nodes[node->inputs[0]].shape,
                   .gram = gram,
                   .size = geometry->kernel_height * geometry->kernel_width };
    if (o->weighted) GF_TRY(add_activations(&u, call, o, random));
    GF_TRY(gf_product_root(root, gram, u.size));
out:
    return status;
}

/* ---- one layer ---- */

/* out [count, size]: root times each vector. */
static void transform(gf_real *out, const gf_real *root, const gf_real *vectors, size_t count,
                      int size)
{
    for (size_t i = 0; i < count; i++)
        for (int r = 0; r < size; r++) {
            double sum = 0;
            for (int j = 0; j < size; j++)
                sum += (double)root[r * size + j] * (double)vectors[i * (size_t)size + (size_t)j];
            out[i * (size_t)size + (size_t)r] = (gf_real)sum;
        }
}

static gf_status share_kernels(gf_param *weight, const gf_real *root, const product_options *o,
                               const gf_kernels *kernels, const gf_random *random)
{
    gf_status status;
    int size = weight->dims[1] * weight->dims[2];
    size_t all = gf_param_count(weight), count = all / (size_t)size;
    int bits = gf_cluster_bits(o->bits, count), entries = gf_cluster_entries(bits, count);
    gf_real book[(1 << GF_CLUSTER_BITS) * GF_CLUSTER_BLOCK] = { 0 };
    gf_real *values = gf_alloc(all, sizeof *values), *vectors = gf_alloc(all, sizeof *vectors);
    uint8_t *codes = gf_alloc(count, 1);
    GF_TRY_ALLOC(values && vectors && codes);
    const gf_cluster_options made = {
        .bits = bits, .block = size, .spatial = true, .average = true
    };
    gf_param_effective(weight, kernels, values);
    gf_blocks_gather(vectors, values, count, gf_cluster_blocks(&made, weight));
    transform(values, root, vectors, count, size);
    GF_TRY(gf_kmeans_vectors(codes, values, count, size, entries, o->rounds, random));
    gf_kmeans_means(book, codes, vectors, count, size, entries);
    GF_TRY(gf_cluster(weight, &made, book, entries, codes));
out:
    free(values);
    free(vectors);
    free(codes);
    return status;
}

static gf_status share_layer(const gf_method_call *call, const product_options *o,
                             const gf_node *node)
{
    gf_status status;
    gf_param *weight = gf_node_weight(call->net, node);
    int size = weight->dims[1] * weight->dims[2];
    gf_real root[GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK];
    const gf_cluster_options single = { .bits = o->single_bits, .block = 1, .average = true };
    const gf_random random = { .seed = call->seed,
                               .ordinal = call->ordinal,
                               .purpose = GF_PURPOSE_METHOD,
                               .epoch = gf_hash32(node->name) };
    if (size == 1 || size > GF_CLUSTER_BLOCK)
        return gf_share_weights(weight, &single, SINGLE_ROUNDS, call->kernels);
    GF_TRY(find_root(root, call, o, node, &random));
    GF_TRY(share_kernels(weight, root, o, call->kernels, &random));
out:
    return status;
}

static gf_status share_layers(const gf_method_call *call, const product_options *o)
{
    gf_status status = GF_OK;
    bool first = true;
    for (int n = 0; n < call->net->node_count; n++) {
        if (!gf_node_has_weight(&call->net->nodes[n])) continue;
        if (!first) GF_TRY(share_layer(call, o, &call->net->nodes[n]));
        first = false;
    }
out:
    return status;
}

/* ---- the method ---- */

static const gf_loss_kind *find_loss(const char *name)
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++)
        if (strcmp((*kind)->schema.name, name) == 0) return *kind;
    return NULL;
}

static gf_status train(const gf_method_call *call)
{
    gf_status status;
    const gf_loss_kind *kd = find_loss("kd");
    gf_options *divergence = NULL; /* from the teacher's very probabilities, nothing else */
    void *record = gf_alloc(1, kd->options_size);
    gf_train_job job = gf_method_job(call, &gf_method_product.schema);
    GF_TRY_ALLOC(record);
    GF_TRY(gf_options_parse(&divergence, "temperature = 1\nalpha = 1\n"));
    GF_TRY(gf_fields_read(record, kd->schema.fields, divergence, ""));
    const gf_loss_term term = { .kind = kd, .options = record };
    job.terms = &term;
    job.term_count = 1;
    GF_TRY(gf_train(&job));
out:
    gf_options_destroy(divergence);
    free(record);
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    if (call->teacher_count < 1) return gf_fail(GF_INVALID, "product: there is no teacher");
    if (!call->resume) GF_TRY(share_layers(call, options)); /* else the checkpoint brings it */
    GF_TRY(train(call));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(product_options, "3", "0.01"),
    GF_FIELD(product_options, teacher, "parent", NULL, "",
             "whose outputs are learned: a chain of `teachers`, or \"parent\": the stage before"),
    GF_FIELD(product_options, bits, "8", "[1, 8]", "bits", "of a kernel's code"),
    GF_FIELD(product_options, single_bits, "5", "[1, 8]", "bits",
             "of a weight's code in layers without kernels"),
    GF_FIELD(product_options, rounds, "100", "[0, 10000]", "", "of k-means at most"),
    GF_FIELD(product_options, weighted, "true", NULL, "",
             "by activations; else the error of weights counts"),
    GF_FIELD(product_options, images, "256", "[1, 100000]", "images",
             "of the training split that activations are taken from"),
    GF_FIELD(product_options, samples, "4", "[1, 1000]", "", "places in each image"),
    GF_FIELD_END,
};

const gf_method gf_method_product = {
    .schema = { .name = "product",
                .summary = "kernels from a codebook that keeps outputs as they are",
                .paper = "Stock et al. 2020, arXiv 1907.05686, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(product_options),
    .stage = "share",
    .example = "{ share : { method = \"product\"; bits = 8; epochs = 3; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_SPARSE | GF_FACT_SHIFTED,
    .refusal = "blocks of real, unmasked weights of whole kernels are what it shares",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_SHARED_BLOCKS,
    .trains = true,
    .teaches = true,
    .apply = apply,
};
