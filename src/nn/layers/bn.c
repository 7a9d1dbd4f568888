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
static gf_bn normalization(const gf_layer_call *call)
{
    int channels = call->out_shape.channels;
    return (gf_bn){ .batch = call->batch,
                    .pixels = call->out_shape.height * call->out_shape.width,
                    .channels = channels,
                    .mean = call->cache,
                    .scale = call->cache + channels,
                    .gamma = call->weight[GAMMA],
                    .beta = call->weight[BETA],
                    .frozen = call->mode != GF_MODE_TRAIN };
}

static void find_statistics(const gf_layer_call *call)
{
    const gf_bn_attributes *a = call->attributes;
    int channels = call->out_shape.channels;
    gf_real *mean = call->cache, *scale = call->cache + channels;
    if (call->mode == GF_MODE_TRAIN) {
        call->kernels->bn_statistics(mean, scale, call->in[0], call->batch,
                                     call->out_shape.height * call->out_shape.width, channels,
                                     call->scratch);
        update_running(call, mean, scale);
    } else {
        for (int c = 0; c < channels; c++) {
            mean[c] = call->weight[MEAN][c];
            scale[c] = call->weight[VARIANCE][c];
        }
    }
    for (int c = 0; c < channels; c++) scale[c] = (gf_real)(1 / sqrt((double)scale[c] + a->eps));
}

static void forward(const gf_layer_call *call)
{
    const gf_bn bn = normalization(call);
    if (!call->again) find_statistics(call);
    call->kernels->bn_forward(call->out, call->in[0], call->residual, &bn, call->epilogue);
}

static void backward(const gf_layer_call *call)
{
    const gf_bn bn = normalization(call);
    gf_real *unwanted = call->cache + 2 * (size_t)bn.channels;
    const gf_bn_gradients out = {
        .d_x = call->d_in[0],
        .d_residual = call->d_residual,
        .add_x = call->d_in_add[0],
        .add_residual = call->d_residual_add,
        .d_gamma = call->d_weight[GAMMA] ? call->d_weight[GAMMA] : unwanted,
        .d_beta = call->d_weight[BETA] ? call->d_weight[BETA] : unwanted + bn.channels,
    };
    call->kernels->bn_backward(&out, call->d_out,
                               call->epilogue == GF_EPILOGUE_RELU ? call->out : NULL, call->in[0],
                               &bn, call->scratch);
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
    .in_place = true,
    .gradient_in_place = true,
    .takes_forward = true,
    .takes_backward = true,
    .repeats = true,
    .channels = GF_CHANNELS_FOLLOW,
    .bits = gf_layer_full_bits,
};
