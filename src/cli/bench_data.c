/* gridfront bench data: making batches, alone and augmented, on one thread and on all, beside a
 * training step of the narrowest network that is worth training: input must never be what a
 * training waits for. */
#include "bench.h"

#include <string.h>

enum { BATCHES = 100, TRAIN_STEPS = 10, RECIPES_MOST = 64 };
#define STEP_WIDTH "16"

typedef struct measured {
    const char *recipes[RECIPES_MOST]; /* augmentations, with commas between; "load": none */
    int count;
    double one[RECIPES_MOST], all[RECIPES_MOST]; /* s per batch */
    double step;                                 /* of training, on all threads */
    int threads;
} measured;

/* Every augmentation alone, then what trainings on CIFAR-10 usually do. */
static void list_recipes(measured *m)
{
    static const char *const usual[] = { "crop, flip, cutout", "crop, flip, autoaugment, cutout" };
    m->recipes[m->count++] = "load";
    for (int i = 0; gf_augment_kinds[i] && m->count + 2 < RECIPES_MOST; i++)
        m->recipes[m->count++] = gf_augment_kinds[i]->schema.name;
    for (size_t i = 0; i < GF_COUNT(usual); i++) m->recipes[m->count++] = usual[i];
}

/* "crop, flip" -> "augment.0 = crop\naugment.1 = flip\n" */
static void recipe_options(char *out, size_t size, const char *recipe)
{
    out[0] = '\0';
    if (strcmp(recipe, "load") == 0) return;
    for (int i = 0; *recipe; i++) {
        size_t used = strlen(out), length = strcspn(recipe, ",");
        snprintf(out + used, size - used, "augment.%d = %.*s\n", i, (int)length, recipe);
        recipe += length;
        recipe += strspn(recipe, ", ");
    }
}

static gf_status time_recipes(double *seconds, const measured *m, const gf_timing *timing,
                              int threads)
{
    gf_status status;
    GF_TRY(gf_kernels_start(threads));
    for (int i = 0; i < m->count; i++) {
        char options[256];
        recipe_options(options, sizeof options, m->recipes[i]);
        GF_TRY(gf_time_batches(&seconds[i], timing, options));
    }
out:
    return status;
}

static gf_status measure(measured *m, const gf_bench *bench)
{
    gf_status status;
    gf_options *model = NULL;
    gf_data *data = NULL;
    gf_training_time training;
    gf_bench step = *bench;
    step.width = STEP_WIDTH;
    m->threads = gf_kernels_threads();
    list_recipes(m);
    GF_TRY(gf_bench_model(&model, &step));
    GF_TRY(gf_bench_images(&data));
    gf_timing timing = { .model = model,
                         .data = data,
                         .numerics = bench->numerics,
                         .batch = bench->batch,
                         .steps = bench->steps ? bench->steps : BATCHES };
    GF_TRY(time_recipes(m->one, m, &timing, 1));
    GF_TRY(time_recipes(m->all, m, &timing, m->threads));
    timing.steps = TRAIN_STEPS;
    GF_TRY(gf_time_training(&training, &timing));
    m->step = training.step;
out:
    gf_data_close(data);
    gf_options_destroy(model);
    return status;
}

static void print_text(const measured *m, const gf_bench *bench)
{
    char threads[32];
    printf("data, batch %d; a training step of resnet18 width " STEP_WIDTH
           " takes %.1f ms on %s\n\n",
           bench->batch, m->step * 1e3, gf_bench_threads_text(threads));
    printf("  %-32s %14s %14s %10s %10s\n", "", "1 thread", threads, "ms", "% of step");
    for (int i = 0; i < m->count; i++)
        printf("  %-32s %14.0f %14.0f %10.3f %10.2f\n", m->recipes[i], bench->batch / m->one[i],
               bench->batch / m->all[i], m->all[i] * 1e3, 100 * m->all[i] / m->step);
    printf("\nimages/s, ms a batch on %s\n", threads);
}

static gf_status print_json(const measured *m, const gf_bench *bench)
{
    gf_status status;
    const gf_kernels *kernels;
    GF_TRY(gf_kernels_get(&kernels));
    json_t *root = gf_bench_json(bench, kernels), *rows = json_array();
    for (int i = 0; i < m->count; i++)
        json_array_append_new(rows,
                              json_pack("{s:s, s:f, s:f, s:f, s:f}", "augment", m->recipes[i],
                                        "images_per_second_one_thread", bench->batch / m->one[i],
                                        "images_per_second", bench->batch / m->all[i], "seconds",
                                        m->all[i], "share_of_step", m->all[i] / m->step));
    json_object_set_new(root, "step_width", json_integer(16));
    json_object_set_new(root, "step_seconds", json_real(m->step));
    json_object_set_new(root, "batches", rows);
    gf_bench_print_json(root);
out:
    return status;
}

gf_status gf_bench_data(const gf_bench *bench)
{
    gf_status status;
    measured m = { 0 };
    GF_TRY(measure(&m, bench));
    if (bench->json)
        GF_TRY(print_json(&m, bench));
    else
        print_text(&m, bench);
out:
    return status;
}
