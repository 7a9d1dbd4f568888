/* Whole networks in the float64 engine: every way in which layers meet, against finite differences;
 * then, whatever a caller wants to look at, the same numbers. */
#include "../test.h"
#include "gradcheck.h"
#include "networks.h"

#include <omp.h>

enum { BATCH = 4 };

static void check_all(gf_mode mode)
{
    omp_set_num_threads(1); /* layers this small only wait for each other */
    for (int i = 0; i < network_count(); i++) {
        gf_net *net = NULL;
        if (gf_test_status(network_build(&net, i), GF_OK, network_name(i), __FILE__, __LINE__))
            gradcheck_net(network_name(i), net, BATCH, mode);
        gf_net_destroy(net);
    }
}

TEST("gradcheck: whole networks", "layers that meet in every way, in training mode")
{
    check_all(GF_MODE_TRAIN);
}

TEST("gradcheck: whole networks", "layers that meet in every way, with running statistics")
{
    check_all(GF_MODE_EVALUATE);
}
