/* Which backend this process computes with: the best that the CPU runs, or GRIDFRONT_ISA's.
 * The flags that a variant is compiled with (Makefile) and the features asked for here belong
 * together. The float64 engine has the reference alone. */
#include "backends.h"

#include <stdlib.h>
#include <string.h>

typedef struct backend {
    const gf_kernels *kernels;
    bool (*runs_here)(void);
    const gf_kernels *emulated, *native; /* in bf16; NULL: not there */
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

#ifdef GF_NATIVE_BF16 /* the compiler knows the instructions */
#define AVX512_NATIVE &gf_kernels_avx512_native
#else
#define AVX512_NATIVE NULL
#endif

/* From the slowest to the fastest. */
static const backend backends[] = {
#ifdef GF_DOUBLE
    { &gf_kernels_ref, always, NULL, NULL },
#else
    { &gf_kernels_ref, always, &gf_kernels_ref_bf16, NULL },
    { &gf_kernels_portable, always, &gf_kernels_portable_bf16, NULL },
#if defined(__x86_64__)
    { &gf_kernels_avx2, cpu_has_avx2, &gf_kernels_avx2_bf16, NULL },
    { &gf_kernels_avx512, cpu_has_avx512, &gf_kernels_avx512_bf16, AVX512_NATIVE },
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

/* ---- bf16 ---- */

static bool cpu_has_bf16(void)
{
#if defined(GF_NATIVE_BF16) && !defined(GF_DOUBLE)
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

/* Intel's Emerald Rapids issues VDPBF16PS every other cycle: half the rate of two float32 FMAs, so
 * that rounding and float32 kernels are the faster way on it, and on its kin. */
static bool native_pays(void)
{
#if defined(GF_NATIVE_BF16) && !defined(GF_DOUBLE)
    return !__builtin_cpu_is("intel");
#else
    return false;
#endif
}

/* The backend's bf16 table: as GRIDFRONT_BF16 says, else the faster one. */
static gf_status choose_bf16(const gf_kernels **out, const backend *of)
{
    const char *wanted = getenv("GRIDFRONT_BF16");
    bool asked = wanted && *wanted, native = of->native && cpu_has_bf16();
    if (asked && strcmp(wanted, "native") != 0 && strcmp(wanted, "emulated") != 0)
        return gf_fail(GF_UNSUPPORTED, "GRIDFRONT_BF16 is \"%s\" (native or emulated)", wanted);
    if (asked && *wanted == 'n' && !native)
        return gf_fail(GF_UNSUPPORTED,
                       "GRIDFRONT_BF16 is \"native\": the kernels \"%s\" on this "
                       "CPU have no bf16 instructions",
                       of->kernels->name);
    *out = native && (asked ? *wanted == 'n' : native_pays()) ? of->native : of->emulated;
    if (!*out) return gf_fail(GF_UNSUPPORTED, "the float64 engine has no bf16");
    return GF_OK;
}

gf_status gf_kernels_with(const gf_kernels **out, const gf_kernels *kernels, gf_numerics numerics)
{
    if (numerics == GF_NUMERICS_F32) {
        *out = kernels;
        return GF_OK;
    }
    for (size_t i = 0; i < GF_COUNT(backends); i++)
        if (backends[i].kernels == kernels) return choose_bf16(out, &backends[i]);
    return gf_fail(GF_UNSUPPORTED, "the kernels \"%s\" have no bf16", kernels->name);
}

const char *gf_kernels_bf16(void)
{
    const gf_kernels *f32, *bf16;
    if (gf_kernels_get(&f32) != GF_OK || gf_kernels_with(&bf16, f32, GF_NUMERICS_BF16) != GF_OK)
        return "unknown";
    for (size_t i = 0; i < GF_COUNT(backends); i++)
        if (backends[i].native == bf16) return "native";
    return "emulated";
}
