#include "exact.h"

gf_status exact_pass(network_result *result, int index, int batch, gf_mode mode,
                     const network_wish *wish)
{
    gf_status status;
    gf_net *net = NULL;
    const gf_kernels *kernels;
    GF_TRY(gf_kernels_get(&kernels));
    GF_TRY(network_build(&net, index));
    GF_TRY(network_pass(result, net, kernels, batch, mode, wish));
out:
    gf_net_destroy(net);
    return status;
}
