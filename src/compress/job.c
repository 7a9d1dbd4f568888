/* What a method's call says to others: to the training, to random numbers. */
#include "compress.h"

gf_train_job gf_method_job(const gf_method_call *call, const gf_schema *schema)
{
    return (gf_train_job){
        .net = call->net,
        .data = call->data,
        .kernels = call->kernels,
        .options = call->options,
        .prefix = "",
        .schema = schema,
        .seed = call->seed,
        .ordinal = call->ordinal,
        .teachers = call->teachers,
        .teacher_count = call->teacher_count,
        .resume = call->resume,
        .hooks = call->hooks,
    };
}

gf_random gf_random_for(const gf_method_call *call, const char *name)
{
    return (gf_random){ .seed = call->seed,
                        .ordinal = call->ordinal,
                        .purpose = GF_PURPOSE_METHOD,
                        .epoch = gf_hash32(name) };
}
