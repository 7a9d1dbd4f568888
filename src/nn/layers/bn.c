/* Batch normalization (Ioffe and Szegedy 2015, 1502.03167) as PyTorch computes it: normalized with
 * the biased variance of the batch, running variance updated with the unbiased one. Where it is
 * frozen or evaluated, the running statistics are constants. */
#include <gridfront/nn.h>

#include <math.h>

enum { GAMMA, BETA, MEAN, VARIANCE, PARAMS };

static int params(gf_param_spec *specs, const gf_shape *in, const void *attributes)
{
    static const char *const names[PARAMS] = { "gamma", "beta", "mean", "variance" };
    static const gf_role roles[PARAMS] = { GF_ROLE_GAMMA, GF_ROLE_BETA, GF_ROLE_MEAN,
                                           GF_ROLE_VARIANCE };
    (void)attributes;
    for (int i = 0; i < PARAMS; i++)
        specs[i] = (gf_param_spec){
            .suffix = names[i], .role = roles[i], .rank = 1, .dims = { in->channels }
        };
    return PARAMS;
}

static void update_running(const gf_layer_call *call, const gf_real *mean, const gf_real *variance)
{
    const gf_bn_attributes *a = call->attributes;
    double rows = (double)call->batch * call->out_shape.height * call->out_shape.width;
    double unbiased = rows > 1 ? rows / (rows - 1) : 1;
    for (int c = 0; c < call->out_shape.channels; c++) {
        gf_real *running_mean = &call->weight[MEAN][c], *running = &call->weight[VARIANCE][c];
        *running_mean =
            (gf_real)((1 - a->momentum) * (double)*running_mean + a->momentum * (double)mean[c]);
        *running = (gf_real)((1 - a->momentum) * (double)*running +
                             a->momentum * unbiased * (double)variance[c]);
    }
}

/* cache: mean, 1 / sqrt(variance + eps), and a place for the gradients of gamma and beta where
 * nobody wants them, each [channels] */
static void forward(const gf_layer_call *call)
{
    const gf_bn_attributes *a = call->attributes;
    int channels = call->out_shape.channels;
    int pixels = call->out_shape.height * call->out_shape.width;
    gf_real *mean = call->cache, *scale = call->cache + channels;
    if (call->mode == GF_MODE_TRAIN) {
        call->kernels->bn_statistics(mean, scale, call->in[0], call->batch, pixels, channels,
                                     call->scratch);
        update_running(call, mean, scale);
    } else {
        for (int c = 0; c < channels; c++) {
            mean[c] = call->weight[MEAN][c];
            scale[c] = call->weight[VARIANCE][c];
        }
    }
    for (int c = 0; c < channels; c++) scale[c] = (gf_real)(1 / sqrt((double)scale[c] + a->eps));
    call->kernels->bn_forward(call->out, call->in[0], mean, scale, call->weight[GAMMA],
                              call->weight[BETA], (size_t)call->batch * (size_t)pixels, channels,
                              GF_EPILOGUE_NONE);
}

static void backward(const gf_layer_call *call)
{
    int channels = call->out_shape.channels;
    int pixels = call->out_shape.height * call->out_shape.width;
    const gf_real *mean = call->cache, *scale = call->cache + channels;
    gf_real *d_gamma = call->d_weight[GAMMA], *d_beta = call->d_weight[BETA];
    if (!d_gamma) d_gamma = call->cache + 2 * (size_t)channels;
    if (!d_beta) d_beta = call->cache + 3 * (size_t)channels;
    (call->mode == GF_MODE_TRAIN ? call->kernels->bn_backward : call->kernels->bn_backward_frozen)(
        call->d_in[0], d_gamma, d_beta, call->d_out, call->in[0], mean, scale, call->weight[GAMMA],
        call->batch, pixels, channels, call->d_in_add[0], call->scratch);
}

static size_t cache(int batch, const gf_shape *in, gf_shape out, const void *attributes)
{
    (void)batch;
    (void)in;
    (void)attributes;
    return 4 * (size_t)out.channels;
}

static const gf_field fields[] = {
    GF_FIELD(gf_bn_attributes, eps, "1e-05", "[0, 1]", "", "added to the variance"),
    GF_FIELD(gf_bn_attributes, momentum, "0.1", "[0, 1]", "", "of the running statistics"),
    GF_FIELD_END,
};

const gf_layer_kind gf_layer_bn = {
    .schema = { .name = "bn",
                .summary = "batch normalization",
                .paper = "Ioffe and Szegedy 2015, arXiv 1502.03167",
                .fields = fields },
    .attributes_size = sizeof(gf_bn_attributes),
    .inputs_least = 1,
    .inputs_most = 1,
    .shape = gf_layer_same_shape,
    .params = params,
    .forward = forward,
    .backward = backward,
    .cache = cache,
    .reads_in = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
