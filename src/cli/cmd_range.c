/* gridfront range FILE: trains a sweep's first stage while its rate climbs, and suggests between
 * which rates a schedule should stay. What it looks for stands in nn/train/range.c. */
#include "cli.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_WANTED = 200, ROWS = 25, BAR = 40 };

typedef struct range_options {
    double from, to;
    int epochs, shape, threads;
} range_options;

static const gf_field fields[] = {
    GF_FIELD(range_options, from, "0.0001", "(0, 100]", "", "first rate"),
    GF_FIELD(range_options, to, "2", "(0, 100]", "", "last rate"),
    GF_FIELD(range_options, epochs, "0", "[0, 1000]", "epochs", "0: what makes 200 steps"),
    GF_FIELD_WORD(range_options, shape, "log", "log|linear", "of the way up"),
    GF_FIELD(range_options, threads, "0", "[0, 1024]", "", "0: all that affinity allows"),
    GF_FIELD_END,
};

typedef struct range_arguments {
    const char *path, *from, *to, *epochs, *shape, *threads, **settings;
    int setting_count;
    bool json;
} range_arguments;

typedef struct ramp {
    gf_range_point *points; /* [capacity] */
    double *smooth;         /* [count] */
    int count, capacity;
} ramp;

static gf_status read_options(range_options *out, const range_arguments *a)
{
    gf_status status;
    gf_options *given = gf_options_create();
    GF_TRY_ALLOC(given);
    if (a->from) GF_TRY(gf_options_set(given, "from", a->from));
    if (a->to) GF_TRY(gf_options_set(given, "to", a->to));
    if (a->epochs) GF_TRY(gf_options_set(given, "epochs", a->epochs));
    if (a->shape) GF_TRY(gf_options_set(given, "shape", a->shape));
    if (a->threads) GF_TRY(gf_options_set(given, "threads", a->threads));
    status = gf_fields_read(out, fields, given, "");
    if (status != GF_OK) {
        gf_fail(status, "range: --%s", gf_error_message());
        goto out;
    }
    if (out->from >= out->to)
        status = gf_fail(GF_INVALID, "range: --from %g is not below --to %g", out->from, out->to);
out:
    gf_options_destroy(given);
    return status;
}

/* ---- the ramp ---- */

/* The first training from scratch; *beginnings counts those that differ. */
static const gf_plan_stage *first_training(const gf_plan *plan, int *beginnings)
{
    const gf_plan_stage *first = NULL;
    *beginnings = 0;
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        if (stage->parent >= 0 || strcmp(stage->kind, gf_train_schema.name) != 0) continue;
        if (!first) first = stage;
        ++*beginnings;
    }
    return first;
}

static gf_status set_real(gf_options *options, const char *key, double value)
{
    char text[32];
    gf_real_text(text, value);
    return gf_options_set(options, key, text);
}

/* The stage's own options, but for the schedule. */
static gf_status ramp_options(gf_options **out, const gf_options *own, const range_options *o)
{
    gf_status status;
    gf_options *made = NULL;
    char *text = gf_options_text(own);
    GF_TRY_ALLOC(text);
    GF_TRY(gf_options_parse(&made, text));
    GF_TRY(set_real(made, "epochs", o->epochs));
    GF_TRY(set_real(made, "lr", o->to));
    GF_TRY(gf_options_set(made, "schedule.policy", "ramp"));
    GF_TRY(gf_options_set(made, "schedule.warmup", "0"));
    GF_TRY(set_real(made, "schedule.low", o->from / o->to));
    GF_TRY(gf_options_set(made, "schedule.shape", o->shape ? "linear" : "log"));
    *out = made;
    made = NULL;
out:
    gf_options_destroy(made);
    free(text);
    return status;
}

static void on_step(void *context, const gf_step_times *times)
{
    ramp *r = context;
    if (r->count < r->capacity)
        r->points[r->count++] = (gf_range_point){ times->rate, times->batch_loss };
}

/* Where the training diverges, the ramp ends with a loss that is no number. */
static gf_status climb(ramp *r, gf_net *net, const gf_data *data, const gf_options *options,
                       uint64_t seed)
{
    gf_status status;
    const gf_kernels *kernels;
    GF_TRY(gf_kernels_get(&kernels));
    const gf_train_job job = { .net = net,
                               .data = data,
                               .kernels = kernels,
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .seed = seed,
                               .hooks = { .context = r, .step = on_step } };
    status = gf_train(&job);
    if (status == GF_DIVERGED && r->count > 0) {
        r->points[r->count] = (gf_range_point){ r->points[r->count - 1].rate, NAN };
        r->count++;
        gf_error_clear();
        status = GF_OK;
    }
out:
    return status;
}

static int steps_an_epoch(const gf_data *data, const gf_plan_stage *stage)
{
    const char *batch = gf_options_get(stage->options, "batch");
    int steps = gf_data_count(data, GF_TRAIN) / (batch ? atoi(batch) : 128);
    return steps > 0 ? steps : 1;
}

static gf_status run_ramp(ramp *r, range_options *o, const gf_plan_stage *stage)
{
    gf_status status;
    gf_data_options images;
    gf_data *data = NULL;
    gf_net *net = NULL;
    gf_options *options = NULL;
    gf_shape shape;
    GF_TRY(gf_fields_read(&images, gf_data_schema.fields, stage->data, ""));
    GF_TRY(gf_data_open(&data, &images));
    gf_data_shape(data, &shape.height, &shape.width, &shape.channels);
    int steps = steps_an_epoch(data, stage);
    if (o->epochs == 0) o->epochs = (STEPS_WANTED + steps - 1) / steps;
    r->capacity = o->epochs * (steps + 1);
    GF_TRY_ALLOC(r->points = gf_alloc((size_t)r->capacity + 1, sizeof *r->points));
    GF_TRY(ramp_options(&options, stage->options, o));
    GF_TRY(gf_model_build(&net, stage->model, "", shape, gf_data_classes(data)));
    gf_net_initialize(net, stage->seed, 0);
    GF_TRY(climb(r, net, data, options, stage->seed));
    GF_TRY_ALLOC(r->smooth = gf_range_smooth(r->points, r->count));
out:
    gf_options_destroy(options);
    gf_net_destroy(net);
    gf_data_close(data);
    return status;
}

/* ---- printing ---- */

static const char *const ends[] = {
    [GF_RANGE_RISES] = "it rises again",
    [GF_RANGE_RAGGED] = "it turns ragged",
    [GF_RANGE_EXPLODES] = "half of the rate at which it explodes",
    [GF_RANGE_OPEN] = "nothing happened up to here: give a higher --to",
};
static const char *const end_words[] = {
    [GF_RANGE_RISES] = "rises",
    [GF_RANGE_RAGGED] = "ragged",
    [GF_RANGE_EXPLODES] = "explodes",
    [GF_RANGE_OPEN] = "open",
};

static void extremes(const ramp *r, double *least, double *most)
{
    *least = INFINITY;
    for (int i = 0; i < r->count; i++)
        if (r->smooth[i] < *least) *least = r->smooth[i];
    *most = fmax(r->smooth[0], *least * 1.001);
}

static void print_row(const ramp *r, int i, double least, double most)
{
    double share = (r->smooth[i] - least) / (most - least);
    if (isnan(r->smooth[i])) {
        printf("  %10.3g   not finite\n", r->points[i].rate);
        return;
    }
    int length = share > 1 ? BAR : (int)lround(BAR * share);
    printf("  %10.3g %8.3f  |", r->points[i].rate, r->smooth[i]);
    for (int k = 0; k < length; k++) putchar('-');
    puts(share > 1 ? ">" : "*");
}

static void print_curve(const ramp *r)
{
    double least, most;
    extremes(r, &least, &most);
    printf("  %10s %8s\n", "rate", "loss");
    for (int row = 0; row < ROWS; row++)
        print_row(r, (int)((int64_t)row * (r->count - 1) / (ROWS - 1)), least, most);
}

static void print_bounds(const gf_range *range)
{
    printf("\nlow  %-8.2g the loss begins to fall\n", range->low);
    printf("high %-8.2g %s\n", range->high, ends[range->end]);
    printf("\nlr = %.2g; schedule : { policy = \"triangular\"; low = %.2g; };\n", range->high,
           range->low / range->high);
}

static void print_json(const ramp *r, const gf_range *range, const char *label)
{
    json_t *points = json_array();
    for (int i = 0; i < r->count && isfinite(r->points[i].loss); i++)
        json_array_append_new(points, json_pack("{s:f, s:f, s:f}", "rate", r->points[i].rate,
                                                "loss", r->points[i].loss, "smooth", r->smooth[i]));
    json_t *root = json_pack("{s:s, s:f, s:f, s:s, s:o}", "stage", label, "low", range->low, "high",
                             range->high, "end", end_words[range->end], "points", points);
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}

/* ---- */

static gf_status test_range(const gf_plan *plan, range_options *o, bool json)
{
    gf_status status;
    int beginnings;
    gf_range range;
    ramp r = { 0 };
    const gf_plan_stage *stage = first_training(plan, &beginnings);
    if (!stage) return gf_fail(GF_INVALID, "range: no stage of this sweep trains from scratch");
    GF_TRY(run_ramp(&r, o, stage));
    if (!json) {
        printf("%s, seed %llu: %d steps from %g to %g\n", stage->label,
               (unsigned long long)stage->seed, r.count, o->from, o->to);
        if (beginnings > 1)
            printf("The first of %d trainings that differ; --set chooses another.\n", beginnings);
        print_curve(&r);
    }
    GF_TRY(gf_range_find(&range, r.points, r.count));
    if (json)
        print_json(&r, &range, stage->label);
    else
        print_bounds(&range);
out:
    free(r.points);
    free(r.smooth);
    return status;
}

int cmd_range(int argc, char **argv)
{
    gf_status status;
    range_arguments a = { 0 };
    range_options options;
    gf_plan *plan = NULL;
    gf_arena *arena = NULL;
    bool told = false;
    const gf_flag flags[] = {
        { .name = "--from", .kind = GF_FLAG_VALUE, .value = &a.from },
        { .name = "--to", .kind = GF_FLAG_VALUE, .value = &a.to },
        { .name = "--epochs", .kind = GF_FLAG_VALUE, .value = &a.epochs },
        { .name = "--shape", .kind = GF_FLAG_VALUE, .value = &a.shape },
        { .name = "--threads", .kind = GF_FLAG_VALUE, .value = &a.threads },
        { .name = "--set", .kind = GF_FLAG_LIST, .values = &a.settings, .count = &a.setting_count },
        { .name = "--json", .set = &a.json },
        { 0 },
    };
    GF_TRY(gf_arguments_read(&a.path, 1, 1, flags, argc, argv));
    GF_TRY(read_options(&options, &a));
    GF_TRY_ALLOC(arena = gf_arena_create());
    told = true; /* load_plan prints the mistakes itself */
    GF_TRY(gf_cli_load_plan(&plan, a.path, a.settings, a.setting_count, arena, true));
    told = false;
    GF_TRY(gf_kernels_start(options.threads));
    GF_TRY(test_range(plan, &options, a.json));
out:
    gf_plan_destroy(plan);
    gf_arena_destroy(arena);
    free(a.settings);
    if (status == GF_OK) return GF_EXIT_DONE;
    return told ? gf_cli_exit_code(status) : gf_cli_fail(status);
}
