/* gridfront bench train, infer: images per second of a whole network, beside what the machine's
 * arithmetic would allow. FLOP are those of direct convolutions, so that Winograd may pass 100 %.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { TRAIN_STEPS = 10, INFER_STEPS = 20 };

typedef struct measured {
    const gf_kernels *kernels;
    gf_training_time time; /* infer: the step alone */
    double flop_per_image, flops, peak;
    int64_t memory;
} measured;

static gf_status flop_per_image(double *flop, const gf_timing *timing, const gf_kernels *kernels)
{
    gf_status status;
    gf_net *net = NULL;
    gf_cost cost;
    GF_TRY(gf_model_build(&net, timing->model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &cost, NULL));
    *flop = 2 * (double)cost.macs;
out:
    gf_net_destroy(net);
    return status;
}

/* Memory is looked at before the machine's own measurements. */
static gf_status measure(measured *m, const gf_bench *bench, bool training)
{
    gf_status status;
    gf_options *model = NULL;
    gf_data *data = NULL;
    GF_TRY(gf_bench_kernels_get(&m->kernels, bench->numerics));
    GF_TRY(gf_bench_model(&model, bench));
    GF_TRY(gf_bench_images(&data));
    gf_timing timing = { .model = model,
                         .data = data,
                         .numerics = bench->numerics,
                         .batch = bench->batch,
                         .steps = bench->steps };
    if (!timing.steps) timing.steps = training ? TRAIN_STEPS : INFER_STEPS;
    m->time.steps = timing.steps;
    GF_TRY(flop_per_image(&m->flop_per_image, &timing, m->kernels));
    if (training) m->flop_per_image *= 3; /* there, and back to the input and to the weights */
    GF_TRY(training ? gf_time_training(&m->time, &timing)
                    : gf_time_inference(&m->time.step, &timing));
    m->memory = gf_peak_memory();
    m->flops = m->flop_per_image * bench->batch / m->time.step;
    m->peak = gf_machine_flops(m->kernels);
out:
    gf_data_close(data);
    gf_options_destroy(model);
    return status;
}

/* ---- printing ---- */

static void print_head(const measured *m, const gf_bench *bench)
{
    char threads[32], numerics[32];
    printf("%s %s%s%s, batch %d, %s, %s, %s: %.1f images/s (median of %d)\n", bench->what,
           bench->arch, bench->width ? " width " : "", bench->width ? bench->width : "",
           bench->batch, gf_bench_threads_text(threads), m->kernels->name,
           gf_bench_numerics_text(bench->numerics, numerics), bench->batch / m->time.step,
           m->time.steps);
    printf("%.2f GFLOP an image as direct convolutions, %.0f GF/s: %.0f %% of the %.0f GF/s of "
           "float32 here\n",
           m->flop_per_image * 1e-9, m->flops * 1e-9, 100 * m->flops / m->peak, m->peak * 1e-9);
    printf("peak memory %.0f MB\n", (double)m->memory / 1e6);
}

typedef struct part {
    const char *name, *key;
    double seconds;
} part;
enum { PARTS = 5 };

static void list_parts(part parts[PARTS], const gf_step_times *t)
{
    const part list[PARTS] = {
        { "load, crop, flip", "data", t->data },
        { "forward", "forward", t->forward },
        { "loss", "loss", t->loss },
        { "backward", "backward", t->backward },
        { "optimizer", "optimizer", t->update },
    };
    memcpy(parts, list, sizeof list);
}

static void print_parts(const gf_training_time *time)
{
    part parts[PARTS];
    list_parts(parts, &time->parts);
    printf("\n  %-18s %9s %6s\n", "step", "ms", "%");
    for (int i = 0; i < PARTS; i++)
        printf("  %-18s %9.2f %6.1f\n", parts[i].name, parts[i].seconds * 1e3,
               100 * parts[i].seconds / time->step);
}

static json_t *parts_json(const gf_training_time *time)
{
    part parts[PARTS];
    list_parts(parts, &time->parts);
    json_t *object = json_object();
    for (int i = 0; i < PARTS; i++)
        json_object_set_new(object, parts[i].key, json_real(parts[i].seconds));
    return object;
}

static json_t *network_json(const measured *m, const gf_bench *bench)
{
    json_t *root = gf_bench_json(bench, m->kernels);
    json_t *own =
        json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "arch", bench->arch, "steps",
                  m->time.steps, "step_seconds", m->time.step, "images_per_second",
                  bench->batch / m->time.step, "flop_per_image", m->flop_per_image, "gflops",
                  m->flops * 1e-9, "machine_gflops", m->peak * 1e-9, "share_of_machine",
                  m->flops / m->peak, "peak_memory", (json_int_t)m->memory);
    if (bench->width) json_object_set_new(root, "width", json_integer(atoi(bench->width)));
    json_object_update(root, own);
    json_decref(own);
    return root;
}

gf_status gf_bench_train(const gf_bench *bench)
{
    gf_status status;
    measured m = { 0 };
    GF_TRY(measure(&m, bench, true));
    if (bench->json) {
        json_t *root = network_json(&m, bench);
        json_object_set_new(root, "part_seconds", parts_json(&m.time));
        gf_bench_print_json(root);
    } else {
        print_head(&m, bench);
        print_parts(&m.time);
    }
out:
    return status;
}

gf_status gf_bench_infer(const gf_bench *bench)
{
    gf_status status;
    measured m = { 0 };
    GF_TRY(measure(&m, bench, false));
    if (bench->json) {
        json_t *root = network_json(&m, bench);
        json_object_set_new(root, "bn_folded", json_true());
        gf_bench_print_json(root);
    } else {
        print_head(&m, bench);
        printf("batch normalization is folded into the convolutions\n");
    }
out:
    return status;
}
