/* Which method may follow which: decided from what is known of the network, before anything runs.
 */
#include <gridfront/method.h>

#include <string.h>

const char *gf_fact_text(gf_fact fact)
{
    switch (fact) {
    case GF_FACT_TRAINED:
        return "trained weights";
    case GF_FACT_SPARSE:
        return "masked weights";
    case GF_FACT_SHRUNK:
        return "removed filters";
    case GF_FACT_QUANTIZED_WEIGHTS:
        return "quantized weights";
    case GF_FACT_QUANTIZED_ACTIVATIONS:
        return "quantized activations";
    case GF_FACT_FACTORIZED:
        return "factorized layers";
    case GF_FACT_BN_FOLDED:
        return "folded batch normalization";
    case GF_FACT_BINARY_WEIGHTS:
        return "binary weights";
    case GF_FACT_SHARED_BLOCKS:
        return "shared blocks of weights";
    case GF_FACT_SHIFTED:
        return "kernels of one weight";
    }
    return "an unknown fact";
}

const gf_method *gf_method_find(const char *stage, const char *name)
{
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (strcmp((*method)->stage, stage) == 0 && strcmp((*method)->schema.name, name) == 0)
            return *method;
    return NULL;
}

static gf_fact lowest(unsigned facts)
{
    return (gf_fact)(facts & -facts);
}

gf_status gf_method_follow(const gf_method *method, unsigned *facts)
{
    const char *name = method->schema.name;
    unsigned missing = method->needs & ~*facts, refused = method->refuses & *facts;
    if (missing)
        return gf_fail(GF_INVALID, "%s: needs a network with %s before it", name,
                       gf_fact_text(lowest(missing)));
    if (refused)
        return gf_fail(GF_INVALID, "%s: cannot follow %s: %s", name, gf_fact_text(lowest(refused)),
                       method->refusal);
    if ((*facts & GF_FACT_SHARED_BLOCKS) && (method->adds & GF_FACT_SPARSE))
        return gf_fail(GF_INVALID, "%s: cannot follow %s: they cannot lose single weights", name,
                       gf_fact_text(GF_FACT_SHARED_BLOCKS));
    *facts |= method->adds | (method->trains ? (unsigned)GF_FACT_TRAINED : 0u);
    return GF_OK;
}
