/* OpenBLAS under our OpenMP loops: one of its threads per call, and only builds that compute right
 * when several of our threads call it at once. Debian ships three builds behind one name: pthread
 * (right, once told to use one thread), OpenMP (right, and alone inside a parallel region; telling
 * it a number of threads would change our own teams), serial (no locking around its buffers: now
 * and then silently wrong). The core type is OpenBLAS's choice by CPU, or OPENBLAS_CORETYPE's. */
#include "backends.h"
#include "tune.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { BLAS_SERIAL, BLAS_PTHREAD, BLAS_OPENMP }; /* what openblas_get_parallel() answers */
enum { PROBE_SIZE = 96, PROBE_ROUNDS = 8 };

/* "0.3.21" out of "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Cooperlake MAX_THREADS=64" */
static void blas_version(char *out, size_t size)
{
    const char *config = openblas_get_config();
    const char *space = strchr(config, ' ');
    const char *start = space ? space + 1 : config;
    snprintf(out, size, "%.*s", (int)strcspn(start, " "), start);
}

void gf_kernels_class(char out[128])
{
    const gf_kernels *kernels = NULL;
    char version[32];
    blas_version(version, sizeof version);
    const char *name = gf_kernels_get(&kernels) == GF_OK ? kernels->name : "unknown";
    snprintf(out, 128, "%s %s %s", name, openblas_get_corename(), version);
}

static int affinity_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1; /* more than 1024 CPUs: be modest */
    return CPU_COUNT(&set);
}

int gf_kernels_threads(void)
{
    return omp_get_max_threads();
}

/* One thread's share of the probe: products whose result is known exactly (small integers). */
static bool probe_is_right(int seed)
{
    enum { N = PROBE_SIZE };
    float *m = malloc(sizeof(float) * N * N * 3);
    if (!m) return true; /* no memory says nothing about the build */
    float *a = m, *b = m + N * N, *c = m + 2 * N * N;
    for (int i = 0; i < N * N; i++) {
        a[i] = (float)((i * 7 + seed) % 5 - 2);
        b[i] = i / N == i % N ? (float)(seed % 3 + 1) : 0; /* a multiple of the identity */
    }
    bool right = true;
    for (int round = 0; round < PROBE_ROUNDS && right; round++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, a, N, b, N, 0, c, N);
        for (int i = 0; i < N * N; i++) right &= c[i] == a[i] * (float)(seed % 3 + 1);
    }
    free(m);
    return right;
}

static gf_status probe_concurrent_products(void)
{
    int wrong = 0;
#pragma omp parallel reduction(+ : wrong)
    wrong += !probe_is_right(omp_get_thread_num());
    if (wrong == 0) return GF_OK;
    return gf_fail(GF_UNSUPPORTED,
                   "%s computes wrong products when %d threads call it; use its pthread or "
                   "OpenMP build, or run with one thread",
                   openblas_get_config(), omp_get_max_threads());
}

gf_status gf_kernels_start(int threads)
{
    gf_status status = GF_OK;
    const gf_kernels *kernels = NULL;
    GF_TRY(gf_kernels_get(&kernels));
    omp_set_dynamic(0);
    omp_set_num_threads(threads > 0 ? threads : affinity_count());
    int build = openblas_get_parallel();
    if (build == BLAS_PTHREAD) openblas_set_num_threads(1);
    if (build == BLAS_SERIAL && omp_get_max_threads() > 1) {
        status = gf_fail(GF_UNSUPPORTED,
                         "%s is a serial build, unsafe with %d threads; install its pthread or "
                         "OpenMP build, or run with one thread",
                         openblas_get_config(), omp_get_max_threads());
        goto out;
    }
    GF_TRY(probe_concurrent_products());
    gf_tune_start();
out:
    return status;
}
