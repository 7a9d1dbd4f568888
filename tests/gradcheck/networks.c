#include "networks.h"

#include <math.h>

/* ---- building ---- */

/* The first failure stays; after it nothing is added. */
typedef struct builder {
    gf_net *net;
    gf_status status;
} builder;

static int add_node(builder *b, const char *kind, const void *attributes, const int *inputs,
                    int input_count)
{
    char name[GF_NAME];
    int node = 0;
    if (b->status != GF_OK) return 0;
    snprintf(name, sizeof name, "%s%d", kind, b->net->node_count);
    b->status = gf_net_add(b->net, &node, kind, name, attributes, inputs, input_count);
    return b->status == GF_OK ? node : 0;
}

static int conv_of(builder *b, int in, int filters, int kernel, int stride)
{
    const gf_conv_attributes attributes = { .filters = filters,
                                            .kernel_height = kernel,
                                            .kernel_width = kernel,
                                            .stride = stride,
                                            .pad_height = kernel / 2,
                                            .pad_width = kernel / 2,
                                            .groups = 1 };
    return add_node(b, "conv", &attributes, &in, 1);
}

static int conv(builder *b, int in, int filters)
{
    return conv_of(b, in, filters, 3, 1);
}

static int bn(builder *b, int in)
{
    const gf_bn_attributes attributes = { .eps = 1e-5, .momentum = 0.1 };
    return add_node(b, "bn", &attributes, &in, 1);
}

static int conv_bn(builder *b, int in, int filters)
{
    return bn(b, conv(b, in, filters));
}

static int relu(builder *b, int in)
{
    return add_node(b, "relu", NULL, &in, 1);
}

static int softplus(builder *b, int in)
{
    return add_node(b, "softplus", NULL, &in, 1);
}

static int add(builder *b, int first, int second)
{
    return add_node(b, "add", NULL, (int[]){ first, second }, 2);
}

static int head(builder *b, int in)
{
    const gf_linear_attributes attributes = { .features = 5, .bias = true };
    int pool = add_node(b, "mean_pool", NULL, &in, 1);
    return add_node(b, "linear", &attributes, &pool, 1);
}

static void freeze(builder *b, int node)
{
    b->net->nodes[node].frozen = true;
}

/* The parameters of the nodes before `end` are not trained. */
static void hold(builder *b, int end)
{
    for (int n = 0; n < end; n++)
        for (int i = 0; i < b->net->nodes[n].param_count; i++)
            b->net->params[b->net->nodes[n].params[i]].trainable = false;
}

static int stem(builder *b, int filters)
{
    return relu(b, conv_bn(b, 0, filters));
}

/* ---- the networks ---- */

static void one_reader(builder *b)
{
    head(b, relu(b, conv_bn(b, stem(b, 8), 12)));
}

static void identity_block(builder *b)
{
    int x = stem(b, 16);
    int y = conv_bn(b, relu(b, conv_bn(b, x, 16)), 16);
    head(b, relu(b, add(b, y, x)));
}

static void identity_first(builder *b)
{
    int x = stem(b, 8);
    head(b, conv(b, relu(b, add(b, x, conv_bn(b, x, 8))), 7));
}

static void downsampling_block(builder *b)
{
    int x = stem(b, 8);
    int y = bn(b, conv(b, relu(b, bn(b, conv_of(b, x, 16, 3, 2))), 16));
    head(b, relu(b, add(b, y, bn(b, conv_of(b, x, 16, 1, 2)))));
}

static void shortcut_first(builder *b)
{
    int x = stem(b, 8);
    int shortcut = bn(b, conv_of(b, x, 16, 1, 2));
    int y = bn(b, conv(b, relu(b, bn(b, conv_of(b, x, 16, 3, 2))), 16));
    head(b, relu(b, conv(b, relu(b, add(b, shortcut, y)), 9)));
}

static void padded_shortcut(builder *b)
{
    const gf_pad_shortcut_attributes attributes = { .stride = 2, .channels = 16 };
    int x = stem(b, 8);
    int y = bn(b, conv_of(b, x, 16, 3, 2));
    head(b, relu(b, add(b, y, add_node(b, "pad_shortcut", &attributes, &x, 1))));
}

static void bn_read_twice(builder *b)
{
    int x = conv_bn(b, 0, 8);
    head(b, add(b, relu(b, x), x));
}

static void bn_read_by_two_sums(builder *b)
{
    int x = stem(b, 8), y = conv_bn(b, x, 8);
    head(b, add(b, relu(b, add(b, y, x)), relu(b, add(b, conv_bn(b, x, 8), y))));
}

static void bn_added_to_itself(builder *b)
{
    int x = conv_bn(b, stem(b, 8), 8);
    head(b, relu(b, add(b, x, x)));
}

static void relu_read_three_times(builder *b)
{
    int x = stem(b, 8);
    int y = add(b, conv_bn(b, x, 8), conv(b, x, 8));
    head(b, relu(b, add(b, y, x)));
}

static void sum_read_twice(builder *b)
{
    int x = stem(b, 8), sum = add(b, conv_bn(b, x, 8), x);
    head(b, add(b, relu(b, sum), conv(b, sum, 8)));
}

static void sum_of_sums(builder *b)
{
    int x = stem(b, 8), y = conv_bn(b, x, 8), z = conv_bn(b, y, 8);
    head(b, relu(b, add(b, conv_bn(b, z, 8), add(b, z, add(b, x, y)))));
}

static void no_activation(builder *b)
{
    int x = stem(b, 8);
    head(b, add(b, conv_bn(b, conv_bn(b, x, 8), 8), x));
}

static void smooth_activation(builder *b)
{
    int x = softplus(b, conv_bn(b, 0, 16));
    head(b, softplus(b, add(b, conv_bn(b, x, 16), x)));
}

static void bn_of_images(builder *b)
{
    head(b, relu(b, conv_bn(b, relu(b, bn(b, 0)), 8)));
}

static void bn_behind_relu(builder *b)
{
    head(b, bn(b, relu(b, bn(b, relu(b, conv_bn(b, 0, 8))))));
}

static void relus_in_a_row(builder *b)
{
    int x = relu(b, relu(b, conv_bn(b, 0, 8)));
    head(b, relu(b, add(b, relu(b, conv(b, x, 8)), relu(b, x))));
}

static void normalized_logits(builder *b)
{
    int x = bn(b, head(b, stem(b, 8)));
    bn(b, add(b, x, relu(b, x)));
}

static void sum_as_logits(builder *b)
{
    int x = head(b, stem(b, 8));
    add(b, bn(b, x), x);
}

static void frozen_bn(builder *b)
{
    int x = stem(b, 8), y = conv_bn(b, relu(b, conv_bn(b, x, 8)), 8);
    freeze(b, y);
    head(b, relu(b, add(b, y, x)));
}

static void frozen_shortcut(builder *b)
{
    int x = stem(b, 8), shortcut = bn(b, conv_of(b, x, 8, 1, 1));
    freeze(b, shortcut);
    head(b, relu(b, add(b, conv_bn(b, x, 8), shortcut)));
}

static void held_first_layers(builder *b)
{
    int x = stem(b, 8);
    int y = relu(b, add(b, conv_bn(b, x, 8), x));
    hold(b, y + 1);
    head(b, relu(b, add(b, y, conv_bn(b, relu(b, conv_bn(b, y, 8)), 8))));
}

static void held_shortcut(builder *b)
{
    int shortcut = conv_bn(b, 0, 8);
    hold(b, shortcut + 1);
    head(b, relu(b, add(b, conv_bn(b, 0, 8), shortcut)));
}

static void held_bn(builder *b)
{
    int x = stem(b, 8), y = conv(b, x, 8), z = bn(b, y);
    for (int i = 0; i < b->net->nodes[z].param_count; i++)
        b->net->params[b->net->nodes[z].params[i]].trainable = false;
    head(b, relu(b, add(b, z, x)));
}

/* Once where its input's place can be taken, once where others read that too. */
static void dropped(builder *b)
{
    const gf_dropout_attributes third = { .rate = 0.3 };
    int x = stem(b, 8), y = conv_bn(b, x, 8);
    int z = relu(
        b, add(b, add_node(b, "dropout", &third, &y, 1), add_node(b, "dropout", &third, &x, 1)));
    head(b, relu(b, add(b, conv_bn(b, z, 8), x)));
}

static int relu6(builder *b, int in)
{
    return add_node(b, "relu6", NULL, &in, 1);
}

static int concat(builder *b, int first, int second)
{
    return add_node(b, "concat", NULL, (int[]){ first, second }, 2);
}

static int pool(builder *b, const char *kind, int in)
{
    const gf_pool_attributes attributes = { .size = 2 };
    return add_node(b, kind, &attributes, &in, 1);
}

static void fire_module(builder *b)
{
    int x = stem(b, 4);
    int small = relu(b, bn(b, conv_of(b, x, 8, 1, 1))), large = relu(b, conv_bn(b, x, 6));
    head(b, pool(b, "max_pool", concat(b, small, large)));
}

static void dense_block(builder *b)
{
    int x = conv(b, 0, 8);
    int y = concat(b, x, conv(b, relu(b, bn(b, x)), 4));
    int z = concat(b, y, conv(b, relu(b, bn(b, y)), 4));
    head(b, relu(b, bn(b, pool(b, "average_pool", conv(b, relu(b, bn(b, z)), 6)))));
}

static void concat_of_itself(builder *b)
{
    int x = stem(b, 8);
    head(b, relu(b, conv_bn(b, concat(b, x, x), 8)));
}

static void inverted_residual(builder *b)
{
    int x = conv_bn(b, 0, 8);
    int y = relu6(b, conv_bn(b, relu6(b, bn(b, conv_of(b, x, 12, 1, 1))), 12));
    head(b, relu6(b, bn(b, conv_of(b, add(b, bn(b, conv_of(b, y, 8, 1, 1)), x), 16, 1, 1))));
}

static const struct network {
    const char *name;
    void (*build)(builder *b);
} networks[] = {
    { "bn -> relu", one_reader },
    { "bn -> add <- relu that a convolution reads too", identity_block },
    { "bn as the second input of add", identity_first },
    { "both inputs of add are bn, strided", downsampling_block },
    { "the shortcut's bn comes first", shortcut_first },
    { "a padded shortcut", padded_shortcut },
    { "a bn read twice", bn_read_twice },
    { "a bn read by two sums", bn_read_by_two_sums },
    { "a bn added to itself", bn_added_to_itself },
    { "a relu read three times", relu_read_three_times },
    { "a sum read twice", sum_read_twice },
    { "sums of sums of bn", sum_of_sums },
    { "bn and sum without relu", no_activation },
    { "bn -> softplus", smooth_activation },
    { "bn of the images", bn_of_images },
    { "bn behind relu", bn_behind_relu },
    { "relus in a row", relus_in_a_row },
    { "bn as logits, on single pixels", normalized_logits },
    { "a sum with bn as logits", sum_as_logits },
    { "a frozen bn in a block", frozen_bn },
    { "a frozen bn in the shortcut", frozen_shortcut },
    { "first layers that nobody trains", held_first_layers },
    { "a shortcut that nobody trains", held_shortcut },
    { "a bn whose parameters nobody trains", held_bn },
    { "two convolutions laid behind each other, pooled", fire_module },
    { "layers that read all before them", dense_block },
    { "a concatenation of a value with itself", concat_of_itself },
    { "relu6 and a sum without activation", inverted_residual },
    { "dropout", dropped },
};

/* Wide enough for Winograd's kernels. */
static const struct resnet {
    const char *name, *options;
    bool smooth;
} resnets[] = {
    { "ResNet18 of width 16 with softplus", "arch = resnet18\nwidth = 16\nactivation = softplus\n",
      true },
    { "ResNet of width 32 with softplus",
      "arch = resnet18\nwidth = 32\nblocks = 1,1,1\nactivation = softplus\n", true },
    { "ResNet20 with padded shortcuts and softplus",
      "arch = resnet20\nwidth = 16\nshortcut = pad\nactivation = softplus\n", true },
    { "ResNet18 of width 16", "arch = resnet18\nwidth = 16\n", false },
};

int network_count(void)
{
    return (int)GF_COUNT(networks);
}

int network_all_count(void)
{
    return (int)(GF_COUNT(networks) + GF_COUNT(resnets));
}

const char *network_name(int index)
{
    return index < network_count() ? networks[index].name : resnets[index - network_count()].name;
}

bool network_is_smooth(int index)
{
    return index >= network_count() && resnets[index - network_count()].smooth;
}

void network_fill(gf_real *out, size_t count, uint32_t index)
{
    const gf_random random = { .seed = 23, .purpose = GF_PURPOSE_TEST };
    for (size_t i = 0; i < count; i++)
        out[i] = (gf_real)(float)gf_random_normal(&random, index, (uint32_t)i);
}

/* What a new network has all alike: BN's parameters and running statistics. */
static void stir(gf_param *param, uint32_t index)
{
    bool positive = param->role == GF_ROLE_GAMMA || param->role == GF_ROLE_VARIANCE;
    size_t count = gf_param_count(param);
    network_fill(param->value, count, index);
    for (size_t i = 0; i < count; i++) {
        double normal = (double)param->value[i];
        param->value[i] = (gf_real)(positive ? 1 + 0.3 * fabs(normal) : 0.3 * normal);
    }
}

static void round_to_float(gf_param *param)
{
    for (size_t i = 0; i < gf_param_count(param); i++)
        param->value[i] = (gf_real)(float)param->value[i];
}

static void prepare(gf_net *net, int index)
{
    gf_net_initialize(net, 5 + (uint64_t)index, 0);
    for (int i = 0; i < net->param_count; i++) {
        gf_param *param = &net->params[i];
        if (param->role != GF_ROLE_WEIGHT && param->role != GF_ROLE_BIAS)
            stir(param, 100 + (uint32_t)i);
        round_to_float(param);
    }
}

static gf_status build_small(gf_net **net, const struct network *network)
{
    builder b = { 0 };
    b.status = gf_net_create(&b.net, (gf_shape){ 6, 8, 3 });
    if (b.status == GF_OK) network->build(&b);
    if (b.status == GF_OK)
        *net = b.net;
    else
        gf_net_destroy(b.net);
    return b.status;
}

static gf_status build_resnet(gf_net **net, const struct resnet *resnet)
{
    gf_status status;
    gf_options *options = NULL;
    GF_TRY(gf_options_parse(&options, resnet->options));
    GF_TRY(gf_model_build(net, options, "", (gf_shape){ 32, 32, 3 }, 10));
out:
    gf_options_destroy(options);
    return status;
}

gf_status network_build(gf_net **net, int index)
{
    gf_status status = index < network_count()
                           ? build_small(net, &networks[index])
                           : build_resnet(net, &resnets[index - network_count()]);
    if (status != GF_OK) return status;
    prepare(*net, index);
    return GF_OK;
}
