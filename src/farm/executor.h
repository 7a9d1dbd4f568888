/* The process that does one task. */
#ifndef GRIDFRONT_FARM_EXECUTOR_H
#define GRIDFRONT_FARM_EXECUTOR_H

#include "zygote.h"

/* In the fresh child of the zygote: output to `output`, limits and cores as ordered, then the
 * program's `run`; its status and message go into the shared page. */
_Noreturn void gf_executor_run(const gf_farm_program *program, const gf_order *order,
                               const char *study, gf_shared *shared, int output, int zygote);

#endif
