/* gridfront bench kernels: the roofline (Williams, Waterman, Patterson 2009). A pass can be no
 * faster than arithmetic allows, nor than memory brings its operands; Winograd, which computes less
 * than the direct sum that is counted here, and a large cache may pass 100 %. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct machine {
    double flops, blas_flops, bandwidth;
} machine;

static gf_status measure_machine(machine *m, const gf_kernels *kernels)
{
    gf_status status;
    m->flops = gf_machine_flops(kernels);
    GF_TRY(gf_machine_blas_flops(&m->blas_flops));
    GF_TRY(gf_machine_bandwidth(&m->bandwidth));
out:
    return status;
}

/* Where a pass stands under the roof. */
typedef struct place {
    double flops, intensity, roof;
    bool memory_bound;
} place;

static place find_place(const gf_kernel_time *time, const machine *m)
{
    double intensity = time->flop / time->bytes;
    return (place){ .flops = time->flop / time->seconds,
                    .intensity = intensity,
                    .roof = fmin(m->flops, intensity * m->bandwidth),
                    .memory_bound = intensity * m->bandwidth < m->flops };
}

/* s of a training step that these passes add up to; with BN and ReLU, or the convolutions alone. */
static double step_seconds(const gf_kernel_time *times, int count, bool with_bn)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        if (with_bn || strcmp(times[i].pass, "bn+relu") != 0)
            sum += times[i].count * times[i].seconds;
    return sum;
}

static void print_text(const gf_bench *bench, const gf_kernels *kernels, const machine *m,
                       const gf_kernel_time *times, int count)
{
    char threads[32], numerics[32];
    gf_text plan = { 0 };
    gf_tune_describe(&plan);
    printf("kernels %s, %s, width %s, batch %d, %s\n", kernels->name,
           gf_bench_numerics_text(bench->numerics, numerics), bench->width, bench->batch,
           gf_bench_threads_text(threads));
    printf("this machine: float32 %.0f GF/s in registers, %.0f GF/s in OpenBLAS's sgemm; memory "
           "%.1f GB/s\ntuning: %s\n\n",
           m->flops * 1e-9, m->blas_flops * 1e-9, m->bandwidth * 1e-9, plan.data ? plan.data : "");
    gf_text_release(&plan);
    printf("%4s %10s  %-6s %2s  %-9s %8s %7s %7s  %-10s %7s %5s\n", "size", "channels", "kernel",
           "n", "pass", "ms", "GF/s", "FLOP/B", "bound", "GF/s", "%");
    for (int i = 0; i < count; i++) {
        const gf_kernel_time *t = &times[i];
        place p = find_place(t, m);
        printf("%4d %4d->%-4d  %dx%d/%d  %2d  %-9s %8.2f %7.0f %7.1f  %-10s %7.0f %5.0f\n", t->size,
               t->channels, t->filters, t->kernel, t->kernel, t->stride, t->count, t->pass,
               t->seconds * 1e3, p.flops * 1e-9, p.intensity,
               p.memory_bound ? "memory" : "arithmetic", p.roof * 1e-9, 100 * p.flops / p.roof);
    }
    double step = step_seconds(times, count, true);
    printf("\nconvolutions %.1f ms, with bn+relu %.1f ms a step: at most %.0f images/s\n",
           step_seconds(times, count, false) * 1e3, step * 1e3, bench->batch / step);
}

static json_t *time_json(const gf_kernel_time *t, const machine *m)
{
    place p = find_place(t, m);
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:s, s:f, s:f}", "size",
                     t->size, "channels", t->channels, "filters", t->filters, "kernel", t->kernel,
                     "stride", t->stride, "count", t->count, "pass", t->pass, "seconds", t->seconds,
                     "gflops", p.flops * 1e-9, "flop_per_byte", p.intensity, "bound",
                     p.memory_bound ? "memory" : "arithmetic", "bound_gflops", p.roof * 1e-9,
                     "share_of_bound", p.flops / p.roof);
}

static void print_json(const gf_bench *bench, const gf_kernels *kernels, const machine *m,
                       const gf_kernel_time *times, int count)
{
    json_t *root = gf_bench_json(bench, kernels), *passes = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(passes, time_json(&times[i], m));
    double step = step_seconds(times, count, true);
    json_t *own = json_pack("{s:i, s:f, s:f, s:f, s:o, s:f, s:f, s:f}", "width", atoi(bench->width),
                            "machine_gflops", m->flops * 1e-9, "sgemm_gflops", m->blas_flops * 1e-9,
                            "bytes_per_second", m->bandwidth, "passes", passes,
                            "convolution_seconds", step_seconds(times, count, false),
                            "step_seconds", step, "images_per_second", bench->batch / step);
    json_object_update(root, own);
    json_decref(own);
    gf_bench_print_json(root);
}

gf_status gf_bench_kernels(const gf_bench *bench)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_kernel_time *times = NULL;
    machine m;
    int count;
    gf_bench shown = *bench;
    if (!shown.width) shown.width = "64";
    GF_TRY(gf_bench_kernels_get(&kernels, bench->numerics));
    GF_TRY(measure_machine(&m, kernels));
    GF_TRY(gf_kernels_bench(&times, &count, kernels, atoi(shown.width), bench->batch));
    if (bench->json)
        print_json(&shown, kernels, &m, times, count);
    else
        print_text(&shown, kernels, &m, times, count);
out:
    free(times);
    return status;
}
