/* What a finished network is: accuracies, cost, packed size, scores. Validation and test are
 * evaluated on the network as it is stored, views and quantizers included. */
#include "work.h"

#include <gridfront/deploy.h>

#include <stdlib.h>

static gf_status measure_accuracy(gf_stage_work *work)
{
    gf_status status;
    gf_scores validation, test;
    GF_TRY(gf_evaluate(&validation, work->net, work->data, GF_VALIDATION, work->kernels));
    GF_TRY(gf_evaluate(&test, work->net, work->data, GF_TEST, work->kernels));
    work->values[GF_METRIC_ACCURACY] = validation.accuracy;
    work->values[GF_METRIC_LOSS] = validation.loss;
    work->values[GF_METRIC_TEST_ACCURACY] = test.accuracy;
    work->values[GF_METRIC_TEST_LOSS] = test.loss;
out:
    return status;
}

static gf_status measure_size(gf_stage_work *work)
{
    gf_status status;
    gf_cost cost;
    gf_challenge score;
    unsigned char *packed = NULL;
    size_t size = 0;
    GF_TRY(gf_net_cost(work->net, work->kernels, &cost, NULL));
    GF_TRY(gf_pack(&packed, &size, work->net, work->kernels));
    GF_TRY(gf_challenge_score(&score, work->net, &work->original, work->kernels));
    work->values[GF_METRIC_BYTES] = (double)size;
    work->values[GF_METRIC_PARAMETERS] = (double)cost.parameters;
    work->values[GF_METRIC_NONZEROS] = (double)cost.nonzeros;
    work->values[GF_METRIC_MACS] = (double)cost.macs;
    work->values[GF_METRIC_BITOPS] = cost.bit_operations;
    work->values[GF_METRIC_SCORE_NOMINAL] = score.nominal;
    work->values[GF_METRIC_SCORE_MEASURED] = score.measured;
out:
    free(packed);
    return status;
}

gf_status gf_stage_measure(gf_stage_work *work)
{
    gf_status status;
    GF_TRY(measure_accuracy(work));
    GF_TRY(measure_size(work));
out:
    return status;
}
