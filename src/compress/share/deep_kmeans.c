/* Method "deep-kmeans": re-training that draws rows of kernels together, then hard k-means of them
 * (Wu et al. 2018, 1806.09228, section 3). The columns of W are the rows of a layer's kernels, one
 * for each filter, input channel and y, and the loss gets for each layer
 *
 *   lambda / 2 (Tr W^T W - Tr F^T W^T W F),   F^T F = 1
 *
 * Choice: the paper takes for F the k first right singular vectors of W, the spectral relaxation of
 * k-means. But W has no more rows than a kernel is wide: from 3 clusters on those vectors give back
 * all of a 3x3 layer, and the term is zero for every W. So F stays what it is before the relaxation
 * (Zha et al. 2001), the indicator of clusters over the root of their sizes. The term is then half
 * lambda times the k-means objective, sum ||w - mean of its cluster||^2, and its gradient, W - W F
 * F^T, draws each row to the mean that its cluster has now. Clusters are those of k-means, which
 * goes on from them at the start of every `refresh`-th epoch; in between the view "drawn" keeps
 * them, since a training is resumed at any step. k-means goes on once more at the end; then every
 * row becomes an entry of the codebook. A `finetune` behind it trains the codebook.
 * As in the paper's code the first layer and, by default, fully connected layers are left as they
 * are, and a row of a 1x1 kernel is a single weight. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

typedef struct deep_kmeans_loss_options {
    double lambda;
} deep_kmeans_loss_options;

typedef struct deep_kmeans_options {
    gf_train_options train;
    deep_kmeans_loss_options loss;
    int bits, single_bits, linear_bits, refresh, rounds;
} deep_kmeans_options;

static gf_view *drawn_of(gf_param *param)
{
    return gf_param_find_view(param, "drawn");
}

/* ---- the loss term ---- */

typedef struct loss_state {
    int params;
    gf_real **apart; /* [params]: rows minus the means of their clusters; NULL: not drawn */
    double *sums;    /* [params]: of their squares */
} loss_state;

static void destroy(void *state_)
{
    loss_state *state = state_;
    for (int i = 0; state && state->apart && i < state->params; i++) free(state->apart[i]);
    if (state) free(state->apart);
    if (state) free(state->sums);
    free(state);
}

static gf_status create(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count)
{
    gf_status status = GF_OK;
    const gf_net *net = gf_run_net(student);
    loss_state *made = gf_alloc(1, sizeof *made);
    (void)options;
    (void)teachers;
    (void)teacher_count;
    GF_TRY_ALLOC(made);
    made->params = net->param_count;
    made->apart = gf_alloc((size_t)made->params, sizeof *made->apart);
    made->sums = gf_alloc((size_t)made->params, sizeof *made->sums);
    GF_TRY_ALLOC(made->apart && made->sums);
    for (int i = 0; i < made->params; i++) {
        size_t count = gf_param_count(&net->params[i]);
        if (drawn_of(&net->params[i]))
            GF_TRY_ALLOC(made->apart[i] = gf_alloc(count, sizeof *made->apart[i]));
    }
    *state = made;
    made = NULL;
out:
    destroy(made);
    return status;
}

/* apart: W - W F F^T, row after row. Its squares' sum is Tr W^T W - Tr F^T W^T W F. */
static double measure(gf_real *apart, gf_param *param)
{
    gf_real means[(1 << GF_CLUSTER_BITS) * GF_CLUSTER_BLOCK];
    const uint8_t *codes = gf_drawn_codes(drawn_of(param));
    const gf_blocks rows = gf_rows_of(param);
    size_t count = gf_rows_count(param);
    double sum = 0;
    gf_blocks_gather(apart, param->value, count, rows);
    gf_kmeans_means(means, codes, apart, count, rows.size, 1 << GF_CLUSTER_BITS);
    for (size_t b = 0; b < count; b++)
        for (int j = 0; j < rows.size; j++) {
            gf_real *value = &apart[b * (size_t)rows.size + (size_t)j];
            *value -= means[codes[b] * rows.size + j];
            sum += (double)*value * (double)*value;
        }
    return sum;
}

static gf_status apply_loss(void *state_, const void *options, const gf_loss_call *call,
                            double *loss)
{
    loss_state *state = state_;
    const deep_kmeans_loss_options *o = options;
    const gf_net *net = gf_run_net(call->student);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < state->params; i++)
        if (state->apart[i]) state->sums[i] = measure(state->apart[i], &net->params[i]);
    for (int i = 0; i < state->params; i++) *loss += o->lambda / 2 * state->sums[i];
    return GF_OK;
}

static void add_gradients(void *state_, const void *options, gf_run *student)
{
    const loss_state *state = state_;
    const deep_kmeans_loss_options *o = options;
    const gf_net *net = gf_run_net(student);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < state->params; i++) {
        const gf_real *apart = state->apart[i];
        gf_real *gradient = gf_run_param_gradient(student, i);
        if (!apart || !gradient) continue;
        const gf_blocks rows = gf_rows_of(&net->params[i]);
        size_t count = gf_rows_count(&net->params[i]);
        for (size_t b = 0; b < count; b++)
            for (int j = 0; j < rows.size; j++)
                gradient[gf_blocks_at(rows, b, j)] += (gf_real)o->lambda * *apart++;
    }
}

static const gf_field loss_fields[] = {
    GF_FIELD(deep_kmeans_loss_options, lambda, "0.1", "[0, 100]", "", "of the term"),
    GF_FIELD_END,
};

const gf_loss_kind gf_loss_deep_kmeans = {
    .schema = { .name = "deep-kmeans",
                .summary = "squared distance of rows of kernels from the means of their clusters",
                .paper = "Wu et al. 2018, arXiv 1806.09228, section 3",
                .fields = loss_fields },
    .options_size = sizeof(deep_kmeans_loss_options),
    .create = create,
    .destroy = destroy,
    .apply = apply_loss,
    .add_gradients = add_gradients,
};

/* ---- clusters ---- */

/* Of a row's code; 0: the layer is left as it is. */
static int bits_of(const deep_kmeans_options *o, const gf_net *net, const gf_node *node)
{
    if (strcmp(node->kind->schema.name, "linear") == 0) return o->linear_bits;
    return gf_rows_of(gf_node_weight(net, node)).size > 1 ? o->bits : o->single_bits;
}

/* *out: the weight row after row; the caller frees. */
static gf_status gather_rows(gf_real **out, const gf_param *weight)
{
    gf_status status = GF_OK;
    GF_TRY_ALLOC(*out = gf_alloc(gf_param_count(weight), sizeof **out));
    gf_blocks_gather(*out, weight->value, gf_rows_count(weight), gf_rows_of(weight));
out:
    return status;
}

static gf_status draw(const gf_method_call *call, const gf_node *node, int wanted, int rounds)
{
    gf_status status;
    gf_param *weight = gf_node_weight(call->net, node);
    size_t count = gf_rows_count(weight);
    int bits = gf_cluster_bits(wanted, count);
    const gf_random random = gf_random_for(call, node->name);
    gf_real *rows = NULL;
    uint8_t *codes = gf_alloc(count, 1);
    GF_TRY_ALLOC(codes);
    GF_TRY(gather_rows(&rows, weight));
    GF_TRY(gf_kmeans_vectors(codes, rows, count, gf_rows_of(weight).size,
                             gf_cluster_entries(bits, count), rounds, &random));
    GF_TRY(gf_draw(weight, bits, codes));
out:
    free(rows);
    free(codes);
    return status;
}

/* All layers with weights but the first. */
static gf_status draw_all(const gf_method_call *call, const deep_kmeans_options *o)
{
    gf_status status = GF_OK;
    int first, last;
    gf_net_weight_edges(&first, &last, call->net);
    for (int n = first + 1; n <= last; n++) {
        const gf_node *node = &call->net->nodes[n];
        int bits = gf_node_has_weight(node) ? bits_of(o, call->net, node) : 0;
        if (bits > 0) GF_TRY(draw(call, node, bits, o->rounds));
    }
out:
    return status;
}

/* k-means goes on from the clusters that the rows were drawn to. rows [count, size] */
static gf_status go_on(gf_real *rows, gf_param *weight, int rounds)
{
    gf_view *drawn = drawn_of(weight);
    size_t count = gf_rows_count(weight);
    return gf_kmeans_go_on(gf_drawn_codes(drawn), rows, count, gf_rows_of(weight).size,
                           gf_cluster_entries(gf_drawn_bits(drawn), count), rounds);
}

static gf_status refresh(gf_param *weight, int rounds)
{
    gf_status status;
    gf_real *rows = NULL;
    GF_TRY(gather_rows(&rows, weight));
    GF_TRY(go_on(rows, weight, rounds));
out:
    free(rows);
    return status;
}

/* The view "cluster" in place of "drawn". */
static gf_status share(gf_param *weight, int rounds)
{
    gf_status status;
    gf_real book[(1 << GF_CLUSTER_BITS) * GF_CLUSTER_BLOCK] = { 0 }, *rows = NULL;
    size_t count = gf_rows_count(weight);
    int size = gf_rows_of(weight).size, bits = gf_drawn_bits(drawn_of(weight));
    int entries = gf_cluster_entries(bits, count);
    const gf_cluster_options made = {
        .bits = bits, .block = size, .spatial = size > 1, .average = true
    };
    uint8_t *codes = gf_alloc(count, 1);
    GF_TRY_ALLOC(codes);
    GF_TRY(gather_rows(&rows, weight));
    GF_TRY(go_on(rows, weight, rounds));
    memcpy(codes, gf_drawn_codes(drawn_of(weight)), count);
    gf_param_remove_view(weight, drawn_of(weight));
    gf_kmeans_means(book, codes, rows, count, size, entries);
    GF_TRY(gf_cluster(weight, &made, book, entries, codes));
out:
    free(rows);
    free(codes);
    return status;
}

static gf_status share_all(gf_net *net, int rounds)
{
    gf_status status = GF_OK;
    for (int i = 0; i < net->param_count; i++)
        if (drawn_of(&net->params[i])) GF_TRY(share(&net->params[i], rounds));
out:
    return status;
}

/* ---- the method ---- */

extern const gf_method gf_method_deep_kmeans; /* below; its schema says how long it trains */

/* The first clusters are made before the training. */
static gf_status on_epoch_start(void *context, gf_net *net, int epoch, int epochs)
{
    gf_status status = GF_OK;
    const deep_kmeans_options *o = context;
    (void)epochs;
    if (epoch == 0 || epoch % o->refresh != 0) return GF_OK;
    for (int i = 0; i < net->param_count; i++)
        if (drawn_of(&net->params[i])) GF_TRY(refresh(&net->params[i], o->rounds));
out:
    return status;
}

static gf_status train(const gf_method_call *call, const deep_kmeans_options *options)
{
    deep_kmeans_options kept = *options; /* the hook's context is not const */
    const gf_loss_term term = { .kind = &gf_loss_deep_kmeans, .options = &kept.loss };
    gf_train_job job = gf_method_job(call, &gf_method_deep_kmeans.schema);
    job.terms = &term;
    job.term_count = 1;
    job.hooks.epoch_start = on_epoch_start;
    job.hooks.method_context = &kept;
    return gf_train(&job);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    const deep_kmeans_options *o = options;
    if (!call->resume) GF_TRY(draw_all(call, o)); /* else the checkpoint brings the clusters */
    GF_TRY(train(call, o));
    GF_TRY(share_all(call->net, o->rounds));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(deep_kmeans_options, "5", "0.01"),
    GF_FIELD_AS("lambda", deep_kmeans_options, loss.lambda, "0.1", "[0, 100]", "",
                "of the term that draws rows together: over all steps lambda * lr / (1 - momentum) "
                "should add up to about 10"),
    GF_FIELD(deep_kmeans_options, bits, "6", "[1, 8]", "bits", "of the code of a kernel's row"),
    GF_FIELD(deep_kmeans_options, single_bits, "5", "[1, 8]", "bits",
             "of the code of a row of one weight, as 1x1 kernels have"),
    GF_FIELD(deep_kmeans_options, linear_bits, "0", "[0, 8]", "bits",
             "of a weight's code in fully connected layers; 0: these are left as they are"),
    GF_FIELD(deep_kmeans_options, refresh, "1", "[1, 100000]", "epochs",
             "from one look for better clusters to the next"),
    GF_FIELD(deep_kmeans_options, rounds, "50", "[0, 10000]", "", "of k-means at most, each time"),
    GF_FIELD_END,
};

const gf_method gf_method_deep_kmeans = {
    .schema = { .name = "deep-kmeans",
                .summary = "rows of kernels are drawn together by training, then share few values",
                .paper = "Wu et al. 2018, arXiv 1806.09228, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(deep_kmeans_options),
    .stage = "share",
    .example = "{ share : { method = \"deep-kmeans\"; bits = 6; epochs = 5; }; }, "
               "{ finetune : { epochs = 1; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_SPARSE | GF_FACT_SHIFTED,
    .refusal = "blocks of real, unmasked weights of whole kernels are what it shares",
    .adds = GF_FACT_QUANTIZED_WEIGHTS | GF_FACT_SHARED_BLOCKS,
    .trains = true,
    .apply = apply,
};
