/* The float64 engine beside a float32 one in the same program: `make` links it into one object
 * whose only visible name is this one. */
#ifndef GRIDFRONT_TESTS_EXACT_H
#define GRIDFRONT_TESTS_EXACT_H

#include "networks.h"

/* network_pass of networks.h in float64; a gf_status. Its error trail cannot be seen from here. */
gf_status exact_pass(network_result *result, int index, int batch, gf_mode mode,
                     const network_wish *wish);

#endif
