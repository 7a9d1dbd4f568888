/* Method "weights": weight rewinding (Frankle et al. 2020, 1912.05671; Renda, Frankle, Carbin 2020,
 * 2003.02389, section 3): after pruning, what is left goes back to the values that it had at an
 * earlier stage of the chain, and is trained from there with the schedule that followed. Masks
 * stay. The earlier stage is named by its id, as a teacher is: the training is written as two
 * stages, of which the first has the id; `after`, where the second continued a schedule. All
 * parameters go back, scales and statistics of batch normalization too, as in the paper's code.
 * Left out: going back after filters were removed, since which ones stayed is not on record. */
#include "rewind.h"

#include <string.h>

extern const gf_method gf_method_rewind_weights; /* below; its schema says how long it trains */

static gf_status take_value(gf_param *param, const gf_net *from)
{
    int index = gf_net_find_param(from, param->name);
    const gf_param *earlier = index >= 0 ? &from->params[index] : NULL;
    bool same = earlier && earlier->rank == param->rank &&
                memcmp(earlier->dims, param->dims, (size_t)param->rank * sizeof(int)) == 0;
    if (!same)
        return gf_fail(GF_FAILED, "weights: the stage to go back to %s %s",
                       earlier ? "has another size of" : "has no", param->name);
    memcpy(param->value, earlier->value, gf_param_count(param) * sizeof *param->value);
    return GF_OK;
}

static gf_status go_back(gf_net *net, const gf_net *to)
{
    gf_status status = GF_OK;
    for (int i = 0; i < net->param_count; i++) GF_TRY(take_value(&net->params[i], to));
out:
    return status;
}

static gf_status apply(const gf_method_call *call, const void *options)
{
    gf_status status;
    gf_train_job job = gf_method_job(call, &gf_method_rewind_weights.schema);
    (void)options;
    job.teacher_count = 0; /* the earlier network gives its weights, it teaches nothing */
    if (call->teacher_count != 1)
        return gf_fail(GF_INVALID, "weights: %d stages to go back to", call->teacher_count);
    if (!call->resume) GF_TRY(go_back(call->net, call->teachers[0]));
    GF_TRY(gf_train(&job));
out:
    return status;
}

static const gf_field fields[] = {
    GF_REWIND_FIELDS(gf_rewind_options),
    GF_FIELD(
        gf_rewind_options, teacher, NULL, NULL, "",
        "the stage whose weights it goes back to: an id of this chain, or a chain of `teachers`"),
    GF_FIELD_END,
};

const gf_method gf_method_rewind_weights = {
    .schema = { .name = "weights",
                .summary = "go back to earlier weights under the same mask, and train from there",
                .paper =
                    "Frankle et al. 2020, arXiv 1912.05671; Renda et al. 2020, arXiv 2003.02389",
                .fields = fields,
                .slots = gf_train_slots },
    .options_size = sizeof(gf_rewind_options),
    .stage = "rewind",
    .example =
        "{ id = \"early\"; train : { epochs = 5; schedule : { policy = \"constant\"; }; }; }, "
        "{ train : { epochs = 20; }; }, "
        "{ prune : { method = \"magnitude\"; amount = 0.8; }; }, "
        "{ rewind : { method = \"weights\"; teacher = \"early\"; epochs = 20; }; }",
    .needs = GF_FACT_TRAINED,
    .refuses = GF_FACT_SHRUNK | GF_FACT_FACTORIZED | GF_FACT_BN_FOLDED | GF_FACT_QUANTIZED_WEIGHTS |
               GF_FACT_QUANTIZED_ACTIVATIONS,
    .refusal = "the earlier network does not have these weights; rewind the learning rate instead",
    .trains = true,
    .teaches = true,
    .apply = apply,
};
