/* Every registered layer kind on random attributes and shapes, and whole small networks. A new kind
 * is tested because it is registered. */
#include "../test.h"
#include "gradcheck.h"

#include <stdlib.h>
#include <string.h>

enum { CASES = 6, TRIES = 400 };

static uint32_t draw(uint32_t kind, uint32_t *at, uint32_t bound)
{
    const gf_random random = { .seed = 17, .purpose = GF_PURPOSE_TEST };
    return gf_random_below(&random, 1000 + kind, (*at)++, bound);
}

/* A small legal value: numbers up to 6, any word, defaults for reals. */
static void draw_value(char out[64], const gf_field *field, uint32_t kind, uint32_t *at)
{
    const char *words = field->range;
    switch (field->type) {
    case GF_FIELD_INT:
    case GF_FIELD_INT64:
        snprintf(out, 64, "%u", draw(kind, at, 7));
        break;
    case GF_FIELD_BOOL:
        snprintf(out, 64, "%s", draw(kind, at, 2) ? "true" : "false");
        break;
    case GF_FIELD_CHOICE:
        snprintf(out, 64, "%.*s", (int)strcspn(words, "|"), words);
        break;
    default:
        snprintf(out, 64, "%s", field->fallback ? field->fallback : "0.5");
    }
}

/* False when what was drawn is out of range. */
static bool draw_attributes(void *attributes, const gf_layer_kind *kind, uint32_t id, uint32_t *at)
{
    gf_options *options = gf_options_create();
    bool good = true;
    for (const gf_field *field = kind->schema.fields; field && field->name; field++) {
        char value[64];
        draw_value(value, field, id, at);
        good = gf_options_set(options, field->name, value) == GF_OK && good;
    }
    good = good && gf_fields_read(attributes, kind->schema.fields, options, "") == GF_OK;
    gf_options_destroy(options);
    return good;
}

/* Checks up to CASES drawn layers of a kind; how many there were. */
static int check_kind(const gf_layer_kind *kind, uint32_t id, gf_mode mode)
{
    uint32_t at = 0;
    int cases = 0;
    for (int try = 0; try < TRIES && cases < CASES; try++) {
        _Alignas(8) unsigned char attributes[GF_ATTRIBUTES] = { 0 };
        int side = 1 + (int)draw(id, &at, 7), batch = 2 + (int)draw(id, &at, 3);
        gf_shape in[GF_NODE_INPUTS], out;
        for (int i = 0; i < GF_NODE_INPUTS; i++)
            in[i] = (gf_shape){ side, try % 3 ? side : side + 1, 1 + try % 6 };
        if (try % 4 == 3) in[0] = (gf_shape){ 1, 1, 5 };
        if (!draw_attributes(attributes, kind, id, &at) ||
            kind->shape(&out, in, kind->inputs_least, attributes) != GF_OK)
            continue;
        cases++;
        if (!gradcheck_layer(kind, attributes, in, kind->inputs_least, batch, mode)) break;
    }
    return cases;
}

static void check_kinds(gf_mode mode)
{
    uint32_t id = 0;
    for (const gf_layer_kind *const *kind = gf_layer_kinds; *kind; kind++, id++) {
        if (!(*kind)->backward || (*kind)->straight_through) continue;
        gf_test_check(check_kind(*kind, id, mode) == CASES, __FILE__, __LINE__,
                      "%s: fewer than %d cases", (*kind)->schema.name, CASES);
    }
}

TEST("gradcheck: layers", "every kind of layer, in training mode")
{
    check_kinds(GF_MODE_TRAIN);
}

TEST("gradcheck: layers", "every kind of layer, in evaluation mode")
{
    check_kinds(GF_MODE_EVALUATE);
}

/* Places are what the numbers that fill every parameter give: the first few of a kernel. */
TEST("gradcheck: layers", "kernels of one weight, of even and odd sizes and strides")
{
    const gf_layer_kind *shift = gf_layer_kind_find("shift");
    const gf_shape in = { 7, 6, 5 };
    const gf_conv_attributes plain = { 4, 3, 3, 1, 1, 1, 1, true };
    const gf_conv_attributes strided = { 3, 3, 2, 2, 0, 1, 1, false };
    REQUIRE(shift != NULL);
    gradcheck_layer(shift, &plain, &in, 1, 3, GF_MODE_TRAIN);
    gradcheck_layer(shift, &strided, &in, 1, 3, GF_MODE_TRAIN);
}

TEST("gradcheck: layers", "a grouped and a strided convolution of odd sizes")
{
    const gf_layer_kind *conv = gf_layer_kind_find("conv");
    const gf_shape in = { 7, 5, 6 };
    const gf_conv_attributes grouped = { 9, 3, 3, 1, 1, 1, 3, false };
    const gf_conv_attributes strided = { 4, 3, 2, 2, 0, 1, 2, true };
    const gf_conv_attributes depthwise = { 6, 3, 3, 2, 1, 1, 6, false };
    REQUIRE(conv != NULL);
    gradcheck_layer(conv, &grouped, &in, 1, 3, GF_MODE_TRAIN);
    gradcheck_layer(conv, &strided, &in, 1, 3, GF_MODE_TRAIN);
    gradcheck_layer(conv, &depthwise, &in, 1, 3, GF_MODE_TRAIN);
}

/* ---- networks ---- */

/* Away from gamma = 1 and beta = 0, where a ReLU may stand exactly on its kink. */
static void stir(gf_net *net)
{
    for (int i = 0; i < net->param_count; i++) {
        gf_param *param = &net->params[i];
        gf_real noise[64];
        if (param->role != GF_ROLE_GAMMA && param->role != GF_ROLE_BETA) continue;
        gradcheck_fill(noise, GF_COUNT(noise), 100 + (uint32_t)i);
        for (size_t k = 0; k < gf_param_count(param); k++)
            param->value[k] += (gf_real)0.3 * noise[k % GF_COUNT(noise)];
    }
}

static gf_net *build(const char *text)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    if (gf_options_parse(&options, text) == GF_OK)
        gf_test_status(gf_model_build(&net, options, "", (gf_shape){ 8, 8, 3 }, 10), GF_OK, text,
                       __FILE__, __LINE__);
    gf_options_destroy(options);
    if (net) gf_net_initialize(net, 3, 0);
    if (net) stir(net);
    return net;
}

static void check_net(const char *text, gf_mode mode)
{
    gf_net *net = build(text);
    if (net) gradcheck_net(text, net, 3, mode);
    gf_net_destroy(net);
}

TEST("gradcheck: networks", "a ResNet with 1x1 shortcuts")
{
    check_net("arch = resnet18\nwidth = 2\nblocks = 1,1\nactivation = softplus\n", GF_MODE_TRAIN);
}

TEST("gradcheck: networks", "a ResNet with padded shortcuts and groups")
{
    check_net("arch = resnet20\nwidth = 4\nblocks = 2,1\nshortcut = pad\ngroups = 2\n"
              "activation = softplus\n",
              GF_MODE_TRAIN);
}

TEST("gradcheck: networks", "a depthwise-separable ResNet")
{
    check_net("arch = resnet18\nwidth = 3\nblocks = 1,1\nseparable = all\nactivation = softplus\n",
              GF_MODE_TRAIN);
}

TEST("gradcheck: networks",
     "ResNets whose 3x3 convolutions are split by rows and columns, or in rank")
{
    check_net(
        "arch = resnet18\nwidth = 4\nblocks = 1,1\nseparable = spatial\nactivation = softplus\n",
        GF_MODE_TRAIN);
    check_net(
        "arch = resnet18\nwidth = 4\nblocks = 1,1\nseparable = low-rank\nactivation = softplus\n",
        GF_MODE_TRAIN);
}

TEST("gradcheck: networks", "a ResNet of ReLUs with running statistics")
{
    check_net("arch = resnet18\nwidth = 2\nblocks = 1,1\n", GF_MODE_EVALUATE);
}

TEST("gradcheck: networks", "frozen layers give no gradient of their own and pass the others'")
{
    gf_net *net = build("arch = resnet18\nwidth = 2\nblocks = 1,1\nactivation = softplus\n");
    REQUIRE(net != NULL);
    for (int i = 0; i < net->param_count; i++)
        if (strstr(net->params[i].name, "bn") || i == gf_net_find_param(net, "fc.weight"))
            net->params[i].trainable = false;
    gradcheck_net("frozen", net, 3, GF_MODE_TRAIN);
    gf_net_destroy(net);
}
