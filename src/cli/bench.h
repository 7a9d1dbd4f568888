/* The benchmarks behind `gridfront bench`: each measures and prints, as text or as JSON. */
#ifndef GRIDFRONT_CLI_BENCH_H
#define GRIDFRONT_CLI_BENCH_H

#include "timing.h"

#include <jansson.h>

/* What was asked for, checked; steps 0: the benchmark's own number. */
typedef struct gf_bench {
    const char *what, *arch, *width; /* width NULL: the model's default */
    gf_numerics numerics;
    int batch, steps, tasks; /* tasks 0: as many as suit */
    bool executors;
    bool json;
} gf_bench;

gf_status gf_bench_train(const gf_bench *bench);
gf_status gf_bench_infer(const gf_bench *bench);
gf_status gf_bench_kernels(const gf_bench *bench);
gf_status gf_bench_data(const gf_bench *bench);
gf_status gf_bench_farm(const gf_bench *bench);

/* cmd_bench.c */
gf_status gf_bench_number(int *out, const char *name, const char *text, int least, int most);
gf_status gf_bench_model(gf_options **model, const gf_bench *bench);
gf_status gf_bench_images(gf_data **data); /* the embedded ones, all for training */
json_t *gf_bench_json(const gf_bench *bench, const gf_kernels *kernels); /* what all have */
void gf_bench_print_json(json_t *root);                                  /* and releases it */
/* The backend of this process with these numerics. */
gf_status gf_bench_kernels_get(const gf_kernels **kernels, gf_numerics numerics);
const char *gf_bench_numerics_text(gf_numerics numerics, char out[32]); /* "bf16 native" */
const char *gf_bench_threads_text(char out[32]);                        /* "2 threads" */

#endif
