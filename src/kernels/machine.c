/* The two ceilings of the roofline (Williams, Waterman, Patterson 2009, "Roofline", CACM 52(4)),
 * measured on all threads: arithmetic in registers, and memory. OpenBLAS's matrix product stands
 * beside the first: it falls short where the library does not know the CPU. */
#include "backends.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Arithmetic is short: some of its repetitions must find every thread on a core of its own. */
enum { REPETITIONS = 5, PEAK_REPETITIONS = 25, BLAS_SIZE = 768, BLAS_PRODUCTS = 3 };
#define PEAK_ROUNDS  2000000            /* about 10 ms */
#define TRIAD_FLOATS ((size_t)44 << 20) /* three arrays, 528 MB: more than most caches */

/* ---- arithmetic ---- */

typedef double peak_loop(float *result, int64_t rounds); /* returns FLOP */

static peak_loop *find_peak_loop(const gf_kernels *kernels)
{
#if defined(__x86_64__)
    if (strncmp(kernels->name, "avx512", 6) == 0) return gf_avx512_peak;
    if (strncmp(kernels->name, "avx2", 4) == 0) return gf_avx2_peak;
#endif
    (void)kernels;
    return gf_portable_peak; /* the reference has no vectors of its own */
}

double gf_machine_flops(const gf_kernels *kernels)
{
    peak_loop *loop = find_peak_loop(kernels);
    double best = 0;
    for (int i = 0; i < PEAK_REPETITIONS; i++) {
        double start = gf_clock(), flop = 0;
#pragma omp parallel reduction(+ : flop)
        {
            float result = 0.5f;
            flop += loop(&result, PEAK_ROUNDS);
        }
        best = fmax(best, flop / (gf_clock() - start));
    }
    return best;
}

/* Every thread multiplies its own matrices, as the kernels would use a BLAS. */
gf_status gf_machine_blas_flops(double *flops)
{
    gf_status status = GF_OK;
    int threads = omp_get_max_threads();
    const size_t square = (size_t)BLAS_SIZE * BLAS_SIZE;
    float *memory = gf_alloc(3 * square * (size_t)threads, sizeof *memory);
    double best = INFINITY;
    GF_TRY_ALLOC(memory);
    for (int i = 0; i < REPETITIONS; i++) {
        double start = gf_clock();
#pragma omp parallel num_threads(threads)
        {
            float *a = memory + 3 * square * (size_t)omp_get_thread_num();
            for (int k = 0; k < BLAS_PRODUCTS; k++)
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, BLAS_SIZE, BLAS_SIZE,
                            BLAS_SIZE, 1, a, BLAS_SIZE, a + square, BLAS_SIZE, 0, a + 2 * square,
                            BLAS_SIZE);
        }
        best = fmin(best, gf_clock() - start);
    }
    *flops = 2.0 * BLAS_SIZE * (double)square * BLAS_PRODUCTS * threads / best;
out:
    free(memory);
    return status;
}

/* ---- memory ---- */

/* STREAM's triad (McCalpin 1995), which counts two reads and a write. */
static double triad(float *a, const float *b, const float *c, float factor)
{
    double start = gf_clock();
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < TRIAD_FLOATS; i++) a[i] = b[i] + factor * c[i];
    return 3.0 * TRIAD_FLOATS * sizeof *a / (gf_clock() - start);
}

gf_status gf_machine_bandwidth(double *bytes_per_second)
{
    gf_status status = GF_OK;
    float *memory = malloc(3 * TRIAD_FLOATS * sizeof *memory);
    double best = 0;
    GF_TRY_ALLOC(memory);
    float *a = memory, *b = a + TRIAD_FLOATS, *c = b + TRIAD_FLOATS;
#pragma omp parallel for schedule(static) /* each thread touches first what it works on */
    for (size_t i = 0; i < TRIAD_FLOATS; i++) a[i] = 0, b[i] = 1, c[i] = 2;
    for (int i = 0; i < REPETITIONS; i++) best = fmax(best, triad(a, b, c, (float)i));
    *bytes_per_second = best;
out:
    free(memory);
    return status;
}
