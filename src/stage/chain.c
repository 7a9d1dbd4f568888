/* May these stages follow each other? Decided at plan time from what methods need, refuse and add,
 * and from building the model itself. */
#include <gridfront/stage.h>

#include <string.h>

/* Any image will do: a model that fits one of CIFAR-10's fits them all. */
static gf_status check_model(const gf_options *model)
{
    gf_net *net = NULL;
    gf_status status =
        gf_model_build(&net, model, "", (gf_shape){ .height = 32, .width = 32, .channels = 3 }, 10);
    gf_net_destroy(net);
    return status;
}

static gf_status follow(const char *kind, const gf_options *options, unsigned *facts)
{
    if (strcmp(kind, "train") == 0) {
        *facts |= GF_FACT_TRAINED;
        return gf_train_check(options, "", &gf_train_schema);
    }
    if (strcmp(kind, "finetune") == 0) {
        if (!(*facts & GF_FACT_TRAINED))
            return gf_fail(GF_INVALID, "finetune: comes before any stage that trains");
        return gf_train_check(options, "", &gf_finetune_schema);
    }
    const char *name = gf_options_get(options, "method");
    const gf_method *method = name ? gf_method_find(kind, name) : NULL;
    if (!method) return gf_fail(GF_INVALID, "%s: no method is named", kind);
    gf_status status = gf_method_follow(method, facts);
    if (status != GF_OK || !method->trains) return status;
    return gf_train_check(options, "", &method->schema);
}

gf_status gf_stage_check_chain(const gf_options *model, const char *const *kinds,
                               const gf_options *const *options, int count, bool has_parent,
                               int *at)
{
    gf_status status;
    unsigned facts = has_parent ? GF_FACT_TRAINED : 0;
    *at = -1;
    if (model) GF_TRY(check_model(model));
    for (int i = 0; i < count; i++) {
        *at = i;
        GF_TRY(follow(kinds[i], options[i], &facts));
    }
out:
    return status;
}
