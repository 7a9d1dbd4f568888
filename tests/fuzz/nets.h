/* Real networks for the harnesses that read them: every layer and weight view that a sweep can
 * make stands in one of them. */
#ifndef GRIDFRONT_TESTS_FUZZ_NETS_H
#define GRIDFRONT_TESTS_FUZZ_NETS_H

#include "fuzz.h"

#include <gridfront/method.h>

typedef void fuzz_with_net(fuzz_corpus *corpus, gf_net *net);
/* Calls `with` for each; they are gone when it returns. */
void fuzz_each_net(fuzz_corpus *corpus, fuzz_with_net *with);
/* Can it be used? Counted, and, where that is cheap, run; aborts where something does not hold. */
void fuzz_use_net(gf_net *net);

#endif
