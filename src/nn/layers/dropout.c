/* Dropout (Srivastava et al. 2014, JMLR 15, section 4): while training, a share `rate` of the
 * values is zero and the others grow by 1 / (1 - rate), so that evaluation changes nothing. Which
 * ones, is drawn again in each step; backward draws the same once more instead of keeping a mask.
 */
#include <gridfront/nn.h>

enum { WORDS = 4 }; /* of a block of random numbers, one for each value */

static bool drops(const gf_layer_call *call)
{
    return call->mode == GF_MODE_TRAIN && call->random;
}

/* What values WORDS * block and those behind it are multiplied by. */
static void draw_factors(gf_real factors[WORDS], const gf_layer_call *call, size_t block)
{
    double rate = ((const gf_dropout_attributes *)call->attributes)->rate;
    uint32_t words[WORDS];
    gf_random_block(call->random, (uint32_t)block, call->node_hash, words);
    for (int k = 0; k < WORDS; k++)
        factors[k] = (double)words[k] * 0x1p-32 < rate ? 0 : (gf_real)(1 / (1 - rate));
}

static void apply(gf_real *out, const gf_real *in, bool add, const gf_layer_call *call)
{
    size_t count = (size_t)call->batch * gf_shape_count(call->out_shape);
#pragma omp parallel for schedule(static)
    for (size_t first = 0; first < count; first += WORDS) {
        gf_real factors[WORDS] = { 1, 1, 1, 1 };
        if (drops(call)) draw_factors(factors, call, first / WORDS);
        for (size_t i = first; i < first + WORDS && i < count; i++)
            out[i] = (add ? out[i] : 0) + factors[i - first] * in[i];
    }
}

static void forward(const gf_layer_call *call)
{
    apply(call->out, call->in[0], false, call);
}

static void backward(const gf_layer_call *call)
{
    if (call->d_in[0]) apply(call->d_in[0], call->d_out, call->d_in_add[0], call);
}

static const gf_field fields[] = {
    GF_FIELD(gf_dropout_attributes, rate, NULL, "[0, 1)", "fraction", "of the values"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_dropout = {
    .schema = { .name = "dropout",
                .summary = "random zeros while training",
                .paper = "Srivastava et al. 2014, JMLR 15",
                .fields = fields },
    .attributes_size = sizeof(gf_dropout_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .in_place = true,
    .gradient_in_place = true,
    .channels = GF_CHANNELS_FOLLOW,
};
