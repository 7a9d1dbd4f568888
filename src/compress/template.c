/* A method that does nothing: copy this file to src/compress/<family>/<name>.c and change it.
 *
 * Say here what the method decides, in which paper and section it stands, and what is left out.
 * The file registers itself by the definition at its end; `gridfront methods`, the sweep language
 * and the conformance suite know it from then on. Its stage GF_STAGE_NONE keeps the template
 * itself out of sweeps. */
#include <gridfront/method.h>

typedef struct template_options {
    double strength;
} template_options;

static gf_status apply(const gf_method_call *call, const void *options)
{
    const template_options *o = options;
    if (call->net->node_count < 2)
        return gf_fail(GF_INVALID, "template: the network has no layer to change by %g",
                       o->strength);
    return GF_OK;
}

static const gf_field fields[] = {
    GF_FIELD(template_options, strength, "0", "[0, 1]", "fraction", "of nothing at all"),
    GF_FIELD_END,
};

const gf_method gf_method_template = {
    .schema = { .name = "template",
                .summary = "does nothing; the file to copy for a new method",
                .fields = fields },
    .options_size = sizeof(template_options),
    .stage = GF_STAGE_NONE,
    .example = "none, this one is not for sweeps",
    .neutral = "",
    .apply = apply,
};
