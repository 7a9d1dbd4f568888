/* Method "gradual": weights are masked while training goes on, few at first, more and more slowly
 * towards the end (Zhu, Gupta 2017, 1710.01878, section 3):
 *
 *   s_t = s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3   for t = t_0, t_0 + dt, ..., t_0 + n dt
 *
 * in steps of the optimizer. At these t the smallest weights are masked until s_t of them are; what
 * is masked gets no gradient and stays masked. As in the paper every layer has the same sparsity;
 * "global" compares over the whole network.
 * A step's masks depend on the weights and on t alone, so a resumed training masks the same. */
#include "prune.h"

#include <math.h>

typedef struct gradual_options {
    gf_train_options train;
    gf_sparsity_options sparsity;
    double initial, begin, ramp;
    int every;
} gradual_options;

extern const gf_method gf_method_gradual; /* below; its schema says how long it trains */

typedef struct gradual {
    const gradual_options *options;
    const gf_kernels *kernels;
} gradual;

/* Where the ramp stands in a training of `total` steps: the last one that masks leaves one to
 * train with. */
static void ramp_of(int64_t *begin, int64_t *end, const gradual_options *o, int64_t total)
{
    *begin = (int64_t)floor(o->begin * (double)total);
    *end = *begin + (int64_t)ceil(o->ramp * (double)(total - *begin));
    if (*end > total - 1) *end = total - 1;
}

static gf_status on_step_start(void *context, gf_net *net, const gf_train_place *place)
{
    const gradual *g = context;
    const gradual_options *o = g->options;
    gf_sparsity_options now = o->sparsity;
    int64_t begin, end, t = (int64_t)place->epoch * place->steps + place->step;
    ramp_of(&begin, &end, o, (int64_t)place->epochs * place->steps);
    if (t < begin || t > end || ((t - begin) % o->every != 0 && t != end)) return GF_OK;
    double done = end > begin ? (double)(t - begin) / (double)(end - begin) : 1;
    now.amount += (o->initial - now.amount) * pow(1 - done, 3);
    return gf_mask_smallest(net, &now, g->kernels);
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status = GF_OK;
    gradual context = { .options = options, .kernels = call->kernels };
    gf_train_job job = gf_method_job(call, &gf_method_gradual.schema);
    job.hooks.step_start = on_step_start;
    job.hooks.method_context = &context;
    if (!call->resume)
        GF_TRY(gf_mask_nothing(call->net)); /* a run's views are there from the start */
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_TRAIN_FIELDS(gradual_options, "10", "0.05"),
    GF_FIELD_AS("amount", gradual_options, sparsity.amount, NULL, "[0, 1)", "fraction",
                "of the weights that are masked at the end"),
    { "scope", GF_FIELD_CHOICE, offsetof(gradual_options, sparsity.scope), sizeof(int), "local",
      "global|local", "",
      "compare over the whole network, or take the same fraction of every layer" },
    GF_FIELD(gradual_options, initial, "0", "[0, 1)", "fraction",
             "that is masked at the beginning"),
    GF_FIELD(gradual_options, begin, "0", "[0, 1)", "fraction",
             "of the training before anything is masked"),
    GF_FIELD(gradual_options, ramp, "0.75", "[0, 1]", "fraction",
             "of the rest in which the amount is reached"),
    GF_FIELD(gradual_options, every, "100", "[1, 1000000]", "steps",
             "between changes of the masks"),
    GF_FIELD_END,
};

const gf_method gf_method_gradual = {
    .schema = { .name = "gradual",
                .summary = "mask more and more of the smallest weights while training",
                .paper = "Zhu, Gupta 2017, arXiv 1710.01878, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(gradual_options),
    .stage = "prune",
    .example = "{ prune : { method = \"gradual\"; amount = 0.9; epochs = 10; }; }",
    .refuses = GF_FACT_BINARY_WEIGHTS,
    .refusal = "the magnitudes of a filter's weights are all the same",
    .adds = GF_FACT_SPARSE,
    .trains = true,
    .apply = apply,
};
