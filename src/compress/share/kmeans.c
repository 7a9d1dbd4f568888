/* Method "kmeans": the sharing stage of Deep Compression (Han, Mao, Dally 2016, 1510.00149,
 * section 3). The weights of each layer that are not masked are clustered by k-means from centroids
 * at equal distances, which keeps the few large weights; then the centroids are trained. Prune
 * before it (section 2); what is stored is a codebook, codes and the places of the zeros, all
 * entropy coded (section 4; src/deploy/encode.h).
 * Choices: a layer has at most one centroid per four weights, so that small ones do not grow. By
 * default a centroid learns from the mean of its members' gradients: the paper's sum makes steps
 * that grow with the layer, and needs a rate as small as a cluster is large. By default too codes
 * are packed by an adaptive arithmetic coder, which stores no tables and spends less than a bit
 * where it can; `coder = "huffman"` is the paper's. Both give back the same network. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

typedef struct kmeans_options {
    gf_train_options train;
    int bits, linear_bits, rounds, gradient, coder;
} kmeans_options;

enum { MEAN, SUM };

extern const gf_method gf_method_kmeans; /* below; its schema says how long it trains */

/* Those that are not masked, laid close together. */
static size_t gather(gf_real *out, const gf_real *values, const gf_param *weight)
{
    const uint8_t *mask = gf_param_mask(weight);
    size_t count = 0;
    for (size_t i = 0; i < gf_param_count(weight); i++)
        if (!mask || mask[i]) out[count++] = values[i];
    return count;
}

gf_status gf_share_weights(gf_param *weight, const gf_cluster_options *wanted, int rounds,
                           const gf_kernels *kernels)
{
    gf_status status;
    gf_real book[1 << GF_CLUSTER_BITS] = { 0 };
    size_t count = gf_param_count(weight);
    gf_real *values = gf_alloc(count, sizeof *values), *kept = gf_alloc(count, sizeof *kept);
    uint8_t *codes = gf_alloc(count, 1);
    GF_TRY_ALLOC(values && kept && codes);
    gf_param_effective(weight, kernels, values);
    size_t unmasked = gather(kept, values, weight);
    gf_cluster_options made = *wanted;
    made.bits = gf_cluster_bits(wanted->bits, unmasked);
    int entries = unmasked ? 1 << made.bits : 1;
    if (unmasked) GF_TRY(gf_kmeans(book, &entries, kept, unmasked, rounds));
    for (size_t i = 0; i < count; i++)
        codes[i] = (uint8_t)gf_kmeans_nearest(book, entries, values[i]);
    GF_TRY(gf_cluster(weight, &made, book, entries, codes));
out:
    free(values);
    free(kept);
    free(codes);
    return status;
}

static gf_status share_all(gf_net *net, const kmeans_options *o, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    for (int n = 0; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        bool linear = strcmp(node->kind->schema.name, "linear") == 0;
        const gf_cluster_options wanted = { .bits = linear ? o->linear_bits : o->bits,
                                            .block = 1,
                                            .coder = o->coder,
                                            .average = o->gradient == MEAN };
        if (gf_node_has_weight(node))
            GF_TRY(gf_share_weights(gf_node_weight(net, node), &wanted, o->rounds, kernels));
    }
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    gf_train_job job = gf_method_job(call, &gf_method_kmeans.schema);
    if (!call->resume) /* else the checkpoint brings it all */
        GF_TRY(share_all(call->net, options, call->kernels));
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(kmeans_options, "3", "0.01"),
    GF_FIELD(kmeans_options, bits, "8", "[1, 8]", "bits", "of a code in convolutions"),
    GF_FIELD(kmeans_options, linear_bits, "5", "[1, 8]", "bits",
             "of a code in fully connected layers"),
    GF_FIELD(kmeans_options, rounds, "300", "[0, 100000]", "", "of k-means at most"),
    GF_FIELD_WORD(kmeans_options, gradient, "mean", "mean|sum",
                  "of its members' gradients, which a centroid learns from; the paper's sum needs "
                  "a rate as small as clusters are large"),
    GF_FIELD_WORD(kmeans_options, coder, "arithmetic", "arithmetic|huffman",
                  "of packed codes and zeros; huffman is the paper's (section 4), arithmetic "
                  "stores no tables and takes fewer bytes"),
    GF_FIELD_END,
};

const gf_method gf_method_kmeans = {
    .schema = { .name = "kmeans",
                .summary = "weights of a layer share few values, which are trained",
                .paper = "Han et al. 2016, arXiv 1510.00149, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(kmeans_options),
    .stage = "share",
    .example = "{ prune : { method = \"magnitude\"; amount = 0.8; }; }, "
               "{ finetune : { epochs = 5; }; }, "
               "{ share : { method = \"kmeans\"; bits = 5; epochs = 3; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS,
    .refusal = "its weights lie on a grid already; share real ones",
    .adds = GF_FACT_QUANTIZED_WEIGHTS,
    .trains = true,
    .apply = apply,
};
