/* Method "learning-rate": learning-rate rewinding (Renda, Frankle, Carbin 2020, 2003.02389, section
 * 3): after pruning, the last part of the schedule that the network was trained with is trained
 * once more from the weights that are left, instead of fine-tuning at its last, small rate. Give it
 * the options of that training; `after` epochs of its schedule are over, `epochs` are left. */
#include "rewind.h"

extern const gf_method gf_method_rewind_rate; /* below; its schema says how long it trains */

static gf_status apply(const gf_method_call *call, const void *options)
{
    const gf_train_job job = gf_method_job(call, &gf_method_rewind_rate.schema);
    (void)options;
    return gf_train(&job);
}

static const gf_field fields[] = { GF_REWIND_FIELDS(gf_rewind_options), GF_FIELD_END };

const gf_method gf_method_rewind_rate = {
    .schema = { .name = "learning-rate",
                .summary = "train the last part of an earlier schedule once more",
                .paper = "Renda et al. 2020, arXiv 2003.02389, section 3",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(gf_rewind_options),
    .stage = "rewind",
    .example = "{ prune : { method = \"magnitude\"; amount = 0.8; }; }, "
               "{ rewind : { method = \"learning-rate\"; after = 20; epochs = 10; lr = 0.1; }; }",
    .needs = GF_FACT_TRAINED,
    .trains = true,
    .apply = apply,
};
