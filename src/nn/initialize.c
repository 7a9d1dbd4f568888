/* PyTorch's default initialization: weights uniform in +-1/sqrt(fan in) (Kaiming uniform with
 * a = sqrt 5; He et al. 2015, 1502.01852), biases likewise with their weight's fan in, BN 1 and 0.
 * Every number is addressed by the parameter's name and its element, so that networks that differ
 * in one layer share all other weights. */
#include <gridfront/nn.h>

#include <math.h>

static double fan_in(const gf_param *weight)
{
    double fan = 1;
    for (int d = 1; d < weight->rank; d++) fan *= weight->dims[d];
    return fan;
}

static void fill_uniform(gf_param *param, double bound, const gf_random *random)
{
    uint32_t name = gf_hash32(param->name);
    for (size_t i = 0; i < gf_param_count(param); i++) {
        double unit = gf_random_uniform(random, name, (uint32_t)i);
        param->value[i] = (gf_real)((2 * unit - 1) * bound);
    }
}

static void fill_constant(gf_param *param, gf_real value)
{
    for (size_t i = 0; i < gf_param_count(param); i++) param->value[i] = value;
}

void gf_net_initialize(gf_net *net, uint64_t seed, uint32_t ordinal)
{
    const gf_random random = { .seed = seed, .ordinal = ordinal, .purpose = GF_PURPOSE_INIT };
    for (int n = 0; n < net->node_count; n++) {
        const gf_node *node = &net->nodes[n];
        double fan = 1;
        for (int i = 0; i < node->param_count; i++) {
            gf_param *param = &net->params[node->params[i]];
            if (param->role == GF_ROLE_WEIGHT) {
                fan = fan_in(param);
                fill_uniform(param, 1 / sqrt(fan), &random);
            } else if (param->role == GF_ROLE_BIAS) {
                fill_uniform(param, 1 / sqrt(fan), &random);
            } else if (param->role == GF_ROLE_GAMMA || param->role == GF_ROLE_VARIANCE) {
                fill_constant(param, 1);
            } else {
                fill_constant(param, 0);
            }
        }
    }
}
