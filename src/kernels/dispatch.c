/* Which backend this process computes with: the best that the CPU runs, or GRIDFRONT_ISA's.
 * The flags that a variant is compiled with (Makefile) and the features asked for here belong
 * together. The float64 engine has the reference alone. */
#include "backends.h"

#include <stdlib.h>
#include <string.h>

typedef struct backend {
    const gf_kernels *kernels;
    bool (*runs_here)(void);
} backend;

static bool always(void)
{
    return true;
}

#if defined(__x86_64__) && !defined(GF_DOUBLE)
static bool cpu_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool cpu_has_avx512(void)
{
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/* From the slowest to the fastest. */
static const backend backends[] = {
    { &gf_kernels_ref, always },
#ifndef GF_DOUBLE
    { &gf_kernels_portable, always },
#if defined(__x86_64__)
    { &gf_kernels_avx2, cpu_has_avx2 },
    { &gf_kernels_avx512, cpu_has_avx512 },
#endif
#endif
};

gf_status gf_kernels_find(const gf_kernels **kernels, const char *name)
{
    for (size_t i = 0; i < GF_COUNT(backends); i++) {
        if (strcmp(backends[i].kernels->name, name) != 0) continue;
        if (!backends[i].runs_here())
            return gf_fail(GF_UNSUPPORTED, "this CPU cannot run the kernels \"%s\"", name);
        *kernels = backends[i].kernels;
        return GF_OK;
    }
    return gf_fail(GF_UNSUPPORTED, "no kernels are called \"%s\" (ref, portable, avx2 or avx512)",
                   name);
}

gf_status gf_kernels_get(const gf_kernels **kernels)
{
    const char *wanted = getenv("GRIDFRONT_ISA");
#ifndef GF_DOUBLE
    if (wanted && *wanted) return gf_kernels_find(kernels, wanted);
#else
    (void)wanted; /* names a float32 variant */
#endif
    size_t best = GF_COUNT(backends) - 1;
    while (!backends[best].runs_here()) best--;
    *kernels = backends[best].kernels;
    return GF_OK;
}

/* The variants are ordered and each needs what the one before needs: the runnable ones are a
 * prefix, so that one constant list per length serves. */
const char *const *gf_kernels_names(void)
{
    static const char *const lists[][5] = {
        { "ref" },
        { "ref", "portable" },
        { "ref", "portable", "avx2" },
        { "ref", "portable", "avx2", "avx512" },
    };
    size_t count = GF_COUNT(backends);
    while (count > 1 && !backends[count - 1].runs_here()) count--;
    return lists[count - 1];
}
