/* Seconds and bytes of every stage, and of the sweep. What a model took before decides; a model
 * that this kind of machine has never trained is timed for a few steps. Deviations of all stages
 * come together in one gf_doubt, weighted by seconds, so that the variance of their sum stays the
 * same. */
#include "forecast.h"

#include "timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIMED_MOST = 4, TIMED_BATCH = 64 };
#define STAGE_SECONDS 0.3  /* of any stage: process, data, packing; where it was never measured */
#define FOUND_SECONDS 0.1  /* of a stage that is in the store already */
#define PASSES        3.12 /* forward and backward, and validation each epoch */

/* What is thought of seconds and bytes before anything was seen: runs, paths, tasks. */
static const gf_doubt seconds_prior = { 0.2, 0.15, 0.1 }, bytes_prior = { 0.01, 0.05, 0.02 };
/* Of steps that are timed for a moment; of artifacts by their parameters. */
static const gf_doubt timed_doubt = { 0.4, 0.3, 0.2 };
static const gf_prediction bytes_unseen = { .ratio = 1, .group = 0.25, .task = 0.1 };

typedef struct maker {
    gf_forecast *f;
    gf_cli_rows *rows;
    const gf_plan *plan;
    const gf_history *history;
    const bool *there;
    gf_stage_class *classes; /* [stages] */
    double timing_seconds;
    double rate, rate_sum; /* s per cost: of the last model timed; sum of logarithms */
    char timed_model[GF_STAGE_PATH];
    double run_seconds; /* of stages whose doubt of the run is known from history */
    double group_squares, task_squares, seconds, byte_groups, byte_tasks;
    double byte_unseen; /* of artifacts never seen, which are all off alike */
} maker;

static double square(double x)
{
    return x * x;
}

/* ---- steps that are timed now ---- */

/* Noise serves: the images may lie on another machine. */
static gf_status time_model(double *seconds, const gf_options *model, double limit)
{
    gf_status status;
    gf_data *data = NULL;
    gf_training_time time;
    GF_TRY(gf_data_create_noise(&data, TIMED_BATCH));
    const gf_timing timing = {
        .model = model, .data = data, .batch = TIMED_BATCH, .steps = 200, .seconds = limit
    };
    GF_TRY(gf_kernels_start(1));
    GF_TRY(gf_time_training(&time, &timing));
    *seconds = time.mean / TIMED_BATCH;
out:
    gf_data_close(data);
    return status;
}

static gf_status macs_of(double *macs, const gf_options *model)
{
    gf_status status;
    const gf_kernels *kernels;
    gf_net *net = NULL;
    gf_cost cost;
    GF_TRY(gf_kernels_find(&kernels, "ref"));
    GF_TRY(gf_model_build(&net, model, "", (gf_shape){ 32, 32, 3 }, 10));
    GF_TRY(gf_net_cost(net, kernels, &cost, NULL));
    *macs = (double)cost.macs;
out:
    gf_net_destroy(net);
    return status;
}

/* s per cost of the model that `path` begins with; those beyond the first few go by their MACs. */
static gf_status find_rate(maker *m, const char *path, int row)
{
    gf_status status = GF_OK;
    size_t size = strcspn(path, "/");
    double macs, seconds;
    if (strlen(m->timed_model) == size && memcmp(m->timed_model, path, size) == 0) return GF_OK;
    snprintf(m->timed_model, sizeof m->timed_model, "%.*s", (int)size, path);
    if (m->f->timed < TIMED_MOST) {
        GF_TRY(macs_of(&macs, m->plan->stages[row].model));
        GF_TRY(time_model(&seconds, m->plan->stages[row].model, m->timing_seconds));
        m->rate = PASSES / 3 * seconds / (3 * macs);
        m->rate_sum += log(m->rate);
        m->f->timed++;
    } else {
        m->rate = exp(m->rate_sum / m->f->timed);
    }
out:
    return status;
}

double gf_place_cost(const gf_place *place, double cost)
{
    return cost * place->crowding / place->threads;
}

/* ---- one class of stages after another ---- */

static gf_status predict_seconds(gf_prediction *p, maker *m, const gf_stage_class *c)
{
    gf_status status = GF_OK;
    char path[GF_STAGE_PATH + 16];
    double cost = gf_place_cost(&m->f->place, m->rows->stages[c->row].cost);
    snprintf(path, sizeof path, "seconds/%s", c->path);
    if (gf_history_predict(p, m->history, path, 2, &seconds_prior)) {
        p->ratio *= cost;
        return GF_OK;
    }
    GF_TRY(find_rate(m, c->path, c->row));
    *p = (gf_prediction){ .ratio = m->rate * cost + STAGE_SECONDS,
                          .group = timed_doubt.group,
                          .task = timed_doubt.task };
out:
    return status;
}

static void predict_bytes(gf_prediction *p, const maker *m, const gf_stage_class *c)
{
    char path[GF_STAGE_PATH + 16];
    snprintf(path, sizeof path, "bytes/%s", c->path);
    if (!gf_history_predict(p, m->history, path, 2, &bytes_prior)) *p = bytes_unseen;
    p->ratio *= gf_forecast_artifact_unit(m->rows->parameters[c->row]);
}

double gf_forecast_artifact_unit(double parameters)
{
    return 4 * parameters + 20e3; /* the description of each tensor, facts */
}

static void fill_class(maker *m, const gf_stage_class *c, int count, const gf_prediction *seconds,
                       const gf_prediction *bytes)
{
    double all = 0, all_bytes = 0;
    for (int i = 0; i < count; i++) {
        int row = c[i].row;
        bool there = m->there && m->there[row];
        double expected, s = there ? FOUND_SECONDS : seconds->ratio;
        m->f->seconds[row] = m->rows->stages[row].seconds = s;
        expected = there ? 0 : m->f->chance[row] * s;
        all += expected;
        m->task_squares += square(expected * seconds->task);
        all_bytes += m->f->chance[row] * bytes->ratio;
        m->byte_tasks += square(m->f->chance[row] * bytes->ratio * bytes->task);
    }
    m->seconds += all;
    m->group_squares += square(all * seconds->group);
    if (seconds->depth) m->run_seconds += all;
    m->f->bytes += all_bytes;
    if (bytes->depth)
        m->byte_groups += square(all_bytes * bytes->group);
    else
        m->byte_unseen += all_bytes * bytes->group;
}

static bool same_model(const char *a, const char *b)
{
    size_t size = strcspn(a, "/");
    return strncmp(a, b, size + 1) == 0;
}

static gf_status fill_classes(maker *m)
{
    gf_status status = GF_OK;
    int stages = m->plan->stage_count;
    for (int at = 0, count; at < stages; at += count) {
        gf_prediction seconds, bytes;
        const gf_stage_class *c = &m->classes[at];
        for (count = 1; at + count < stages && !strcmp(c[count].path, c->path); count++) continue;
        m->f->models += at == 0 || !same_model(c->path, c[-1].path);
        GF_TRY(predict_seconds(&seconds, m, c));
        predict_bytes(&bytes, m, c);
        fill_class(m, c, count, &seconds, &bytes);
    }
out:
    return status;
}

/* ---- the whole ---- */

/* With early stopping one in `factor` goes on at each rung. */
static gf_status fill_chances(gf_forecast *f, const gf_plan *plan)
{
    gf_status status = GF_OK;
    gf_early_stopping early = { .factor = 1 };
    if (plan->early_stopping)
        GF_TRY(gf_fields_read(&early, gf_early_stopping_schema.fields, plan->early_stopping, ""));
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        f->chance[i] = stage->parent < 0 ? 1 : f->chance[stage->parent];
        if (stage->from > 0) f->chance[i] /= early.factor;
    }
out:
    return status;
}

/* Root mean squares over seconds; the run's by the share that was learned rather than timed. */
static void settle_doubt(maker *m, const gf_plan *plan)
{
    double groups = 0, tasks = 0, known = m->seconds > 0 ? m->run_seconds / m->seconds : 0;
    double *by_group = gf_alloc((size_t)plan->stage_count, sizeof *by_group);
    gf_doubt *doubt = &m->f->doubt;
    for (int i = 0; by_group && i < plan->stage_count; i++) {
        double s = m->there && m->there[i] ? 0 : m->f->chance[i] * m->f->seconds[i];
        by_group[m->f->groups[i]] += s;
        tasks += square(s);
    }
    for (int i = 0; by_group && i < plan->stage_count; i++) groups += square(by_group[i]);
    free(by_group);
    *doubt = timed_doubt;
    if (groups > 0) doubt->group = sqrt(m->group_squares / groups);
    if (tasks > 0) doubt->task = sqrt(m->task_squares / tasks);
    double run = gf_history_run_doubt(m->history, "seconds/", &seconds_prior);
    doubt->run = sqrt(known * square(run) + (1 - known) * square(timed_doubt.run));
}

static void settle_bytes(maker *m, const gf_plan *plan)
{
    gf_forecast *f = m->f;
    double deviation =
        f->bytes > 0
            ? sqrt(square(bytes_prior.run) +
                   (m->byte_groups + m->byte_tasks + square(m->byte_unseen)) / square(f->bytes))
            : 0;
    double low = f->bytes * exp(-1.96 * deviation), high = f->bytes * exp(1.96 * deviation);
    double fixed = gf_study_expect_bytes(m->rows->stages, plan->stage_count, GF_METRIC_COUNT);
    f->bytes += fixed;
    f->bytes_low = low + fixed;
    f->bytes_high = high + fixed;
}

gf_status gf_forecast_tasks(gf_farm_task **tasks, int **needs, const gf_forecast *f,
                            const gf_stage_row *rows, int count)
{
    gf_status status = GF_OK;
    size_t most = (size_t)count;
    for (int i = 0; i < count; i++) most += (size_t)rows[i].teacher_count;
    gf_farm_task *list = gf_alloc((size_t)count, sizeof *list);
    int *need = gf_alloc(most, sizeof *need), at = 0;
    GF_TRY_ALLOC(list && need);
    for (int i = 0; i < count; i++) {
        list[i] = (gf_farm_task){ .needs = need + at,
                                  .cost = f->seconds[i],
                                  .group = f->groups[i],
                                  .held = f->chance[i] < 1,
                                  .chance = f->chance[i] };
        if (rows[i].parent >= 0) need[at++] = rows[i].parent;
        for (int t = 0; t < rows[i].teacher_count; t++) need[at++] = rows[i].teachers[t];
        list[i].need_count = (int)(need + at - list[i].needs);
    }
    *tasks = list;
    *needs = need;
    return GF_OK;
out:
    free(list);
    free(need);
    return status;
}

static gf_status estimate_time(maker *m)
{
    gf_status status;
    int count = m->plan->stage_count, *needs = NULL;
    gf_farm_task *tasks = NULL;
    GF_TRY(gf_forecast_tasks(&tasks, &needs, m->f, m->rows->stages, count));
    GF_TRY(
        gf_farm_estimate_rest(&m->f->time, tasks, NULL, count, m->f->place.workers, &m->f->doubt));
out:
    free(tasks);
    free(needs);
    return status;
}

static int count_samples(const maker *m)
{
    int samples = 0;
    for (int at = 0; at < m->plan->stage_count; at++) {
        gf_prediction p;
        char path[GF_STAGE_PATH + 16];
        if (at > 0 && same_model(m->classes[at].path, m->classes[at - 1].path)) continue;
        snprintf(path, sizeof path, "seconds/%.*s/", (int)strcspn(m->classes[at].path, "/"),
                 m->classes[at].path);
        if (gf_history_predict(&p, m->history, path, 2, &seconds_prior)) samples += p.samples;
    }
    return samples;
}

gf_status gf_forecast_init(gf_forecast *f, gf_cli_rows *rows, const gf_plan *plan,
                           const gf_history *history, const gf_place *place, double seconds,
                           const bool *there)
{
    gf_status status;
    size_t count = (size_t)plan->stage_count;
    maker m = { .f = f,
                .rows = rows,
                .plan = plan,
                .history = history,
                .there = there,
                .timing_seconds = seconds };
    *f = (gf_forecast){ .place = *place };
    f->seconds = gf_alloc(count, sizeof *f->seconds);
    f->chance = gf_alloc(count, sizeof *f->chance);
    f->groups = gf_alloc(count, sizeof *f->groups);
    GF_TRY_ALLOC(f->seconds && f->chance && f->groups);
    GF_TRY(gf_cli_stage_classes(&m.classes, f->groups, rows->stages, plan->stage_count,
                                place->threads));
    GF_TRY(fill_chances(f, plan));
    GF_TRY(fill_classes(&m));
    settle_doubt(&m, plan);
    settle_bytes(&m, plan);
    f->samples = count_samples(&m);
    GF_TRY(estimate_time(&m));
out:
    free(m.classes);
    return status;
}

void gf_forecast_release(gf_forecast *f)
{
    free(f->seconds);
    free(f->chance);
    free(f->groups);
    *f = (gf_forecast){ 0 };
}

gf_status gf_cli_history(gf_history **history, const gf_numerics_class *numerics)
{
    char kind[320], cpu[GF_CPU_SLUG];
    gf_cpu_slug(cpu);
    snprintf(kind, sizeof kind, "%s %s", cpu, numerics->f32);
    return gf_history_open(history, kind);
}

void gf_forecast_source_text(char out[96], const gf_forecast *f)
{
    if (f->samples && f->timed)
        snprintf(out, 96, "from %d stages measured on this kind of CPU, and steps timed just now",
                 f->samples);
    else if (f->samples)
        snprintf(out, 96, "from %d %s measured on this kind of CPU", f->samples,
                 f->samples == 1 ? "stage" : "stages");
    else
        snprintf(out, 96, "from steps timed just now");
}

/* ---- what a study keeps of it ---- */

static const struct {
    const char *key;
    size_t offset;
} told_numbers[] = {
#define TOLD(member)                                                                               \
    {                                                                                              \
        "forecast." #member, offsetof(gf_forecast_told, member)                                    \
    }
    TOLD(seconds),   TOLD(low),        TOLD(high),      TOLD(work),        TOLD(bytes),
    TOLD(bytes_low), TOLD(bytes_high), TOLD(doubt.run), TOLD(doubt.group), TOLD(doubt.task),
#undef TOLD
};

void gf_forecast_write(const gf_forecast *f, gf_text *settings)
{
    const gf_forecast_told told = { .seconds = f->time.seconds,
                                    .low = f->time.low,
                                    .high = f->time.high,
                                    .work = f->time.work,
                                    .bytes = f->bytes,
                                    .bytes_low = f->bytes_low,
                                    .bytes_high = f->bytes_high,
                                    .doubt = f->doubt };
    for (size_t i = 0; i < GF_COUNT(told_numbers); i++)
        gf_text_append(
            settings, "%s = %.6g\n", told_numbers[i].key,
            *(const double *)(const void *)((const char *)&told + told_numbers[i].offset));
    gf_text_append(settings, "forecast.workers = %d\nforecast.samples = %d\n", f->place.workers,
                   f->samples);
}

static double told_number(const gf_options *settings, const char *key)
{
    const char *text = gf_options_get(settings, key);
    double value = text ? strtod(text, NULL) : NAN;
    return value >= 0 && isfinite(value) ? value : NAN;
}

gf_forecast_told gf_forecast_read(const char *text)
{
    gf_forecast_told told = { .seconds = NAN, .bytes = NAN };
    gf_options *settings = NULL;
    if (gf_options_parse(&settings, text) != GF_OK) return told;
    for (size_t i = 0; i < GF_COUNT(told_numbers); i++)
        *(double *)(void *)((char *)&told + told_numbers[i].offset) =
            told_number(settings, told_numbers[i].key);
    if (isnan(told.doubt.run + told.doubt.group + told.doubt.task)) told.doubt = (gf_doubt){ 0 };
    told.workers = (int)fmin(1e6, fmax(0, told_number(settings, "forecast.workers")));
    told.samples = (int)fmin(1e9, fmax(0, told_number(settings, "forecast.samples")));
    gf_options_destroy(settings);
    return told;
}
