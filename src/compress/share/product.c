/* Method "product": product quantization that looks at outputs, "And the bit goes down" (Stock et
 * al. 2020, 1907.05686, section 3). Of each convolution with a kernel wider than 1x1 the kernels, a
 * filter's weights for one input channel, become vectors v of a codebook such that the error of the
 * outputs, not of the weights, is small: sum ||x (v - c)||^2 over the rows x of unfolded
 * activations of training images (section 3.2). With x^T x = R^T R that is k-means of the vectors
 * R v: the E-step takes the nearest R c, and what least squares give as the M-step are means.
 * Then the codebooks learn the outputs of the uncompressed network, from no labels, each entry by
 * the mean of its members' gradients (section 3.3). Choices: activations are those of the
 * uncompressed network, and x is taken about each channel's mean, whose offset batch normalization
 * takes away. The paper takes second moments of the network compressed so far, which it trains
 * between the layers; without that training what the later layers see is far from what they are
 * made for. Layers without such kernels (1x1, fully connected) share single weights, so that
 * channels can still be removed; the first layer is left as it is, as in the paper; a codebook has
 * at most one entry per four vectors, as there. */
#include "unfolded.h"

#include <stdlib.h>
#include <string.h>

enum { SINGLE_ROUNDS = 300 };

typedef struct product_options {
    gf_train_options train;
    char teacher[256];
    int bits, single_bits, rounds, images, samples;
    bool weighted;
} product_options;

extern const gf_method gf_method_product; /* below; its schema says how long it trains */

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

static gf_status share_layer(const gf_method_call *call, const product_options *o, gf_unfolded *u)
{
    gf_status status;
    gf_param *weight = gf_node_weight(call->net, u->node);
    gf_real root[GF_CLUSTER_BLOCK * GF_CLUSTER_BLOCK];
    const gf_cluster_options single = { .bits = o->single_bits, .block = 1, .average = true };
    const gf_random random = gf_random_for(call, u->node->name);
    if (!u->size) return gf_share_weights(weight, &single, SINGLE_ROUNDS, call->kernels);
    GF_TRY(gf_unfolded_root(root, u));
    GF_TRY(share_kernels(weight, root, o, call->kernels, &random));
out:
    return status;
}

/* All layers with weights but the first. */
static gf_status find_layers(gf_unfolded *all, int *layers, const gf_net *net)
{
    gf_status status = GF_OK;
    int first, last;
    gf_net_weight_edges(&first, &last, net);
    for (int n = first + 1; n <= last; n++)
        if (gf_node_has_weight(&net->nodes[n]))
            GF_TRY(gf_unfolded_init(&all[(*layers)++], net, &net->nodes[n]));
out:
    return status;
}

static gf_status share_layers(const gf_method_call *call, const product_options *o)
{
    gf_status status;
    int layers = 0;
    gf_unfolded *all = gf_alloc((size_t)call->net->node_count, sizeof *all);
    GF_TRY_ALLOC(all);
    GF_TRY(find_layers(all, &layers, call->net));
    if (o->weighted) GF_TRY(gf_unfolded_look(all, layers, call, o->images, o->samples));
    for (int l = 0; l < layers; l++) GF_TRY(share_layer(call, o, &all[l]));
out:
    for (int l = 0; l < layers; l++) gf_unfolded_release(&all[l]);
    free(all);
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
                .slots = gf_train_slots,
                .revision = 1 }, /* activations about their means, of the network as it came */
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
