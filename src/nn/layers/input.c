/* The images themselves: node 0 of every network. Its shape is given, not derived. */
#include <gridfront/nn.h>

static gf_status shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    (void)out;
    (void)in;
    (void)inputs;
    (void)attributes;
    return gf_fail(GF_INVALID, "only node 0 is an input");
}

const gf_layer_kind gf_layer_input = {
    .schema = { .name = "input", .summary = "the normalized images" },
    .shape = shape,
    .channels = GF_CHANNELS_NEW,
    .bits = gf_layer_full_bits,
};
