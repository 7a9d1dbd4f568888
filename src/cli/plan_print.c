/* What `gridfront plan` says, as text and as JSON. */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void gf_cli_grouped(char out[32], int64_t value)
{
    char digits[32];
    int size = snprintf(digits, sizeof digits, "%" PRId64, value), used = 0;
    for (int i = 0; i < size && used < 30; i++) {
        if (i && (size - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

static void print_sweep(const gf_plan *plan)
{
    printf("%s: %d points x %d %s = %d trials, %d stages (%d if nothing were shared)\n\n",
           plan->name, plan->point_count, plan->seed_count,
           plan->seed_count == 1 ? "seed" : "seeds", plan->trial_count, plan->stage_count,
           plan->unshared_stages);
}

static void print_work(const gf_plan *plan, const gf_cli_outlook *o)
{
    char epochs[32], unshared[32];
    gf_cli_grouped(epochs, plan->epochs);
    gf_cli_grouped(unshared, plan->unshared_epochs);
    printf("  epochs to run   %10s   of %s without sharing (%.1fx less)\n", epochs, unshared,
           plan->epochs ? (double)plan->unshared_epochs / (double)plan->epochs : 1.0);
    if (plan->early_stopping)
        printf("  early stopping  %10.0f   of them, where 1 in %d goes on at a rung\n", o->epochs,
               o->factor);
    printf("  images          %8.1f M   %.1e FLOP\n", o->images / 1e6, o->flop);
}

/* "(2 h 40 .. 3 h 50)" */
static void interval_text(char out[72], void (*text)(char[32], double), double low, double high)
{
    char from[32], to[32];
    text(from, low);
    text(to, high);
    snprintf(out, 72, "(%s .. %s)", from, to);
}

static void print_forecast(const gf_plan *plan, const gf_forecast *f)
{
    char name[64], time[32], times[72], source[96], bytes[32], sizes[72];
    gf_duration_text(time, f->time.seconds);
    interval_text(times, gf_duration_text, f->time.low, f->time.high);
    gf_forecast_source_text(source, f);
    gf_bytes_text(bytes, f->bytes);
    interval_text(sizes, gf_bytes_text, f->bytes_low, f->bytes_high);
    snprintf(name, sizeof name, "time, %d %s", f->place.workers,
             f->place.workers == 1 ? "worker" : "workers");
    printf("  %-15s %10s   %s, %s\n", name, time, times, source);
    printf("  disk            %10s   %s, artifacts and sweep.h5%s\n", bytes, sizes,
           strcmp(plan->keep, "all") == 0 ? "" : " before those are dropped that are not kept");
}

static void print_architectures(const gf_cli_outlook *o)
{
    printf("\n  %-32s %12s %11s %12s %10s\n", "architectures", "parameters", "MACs", "fp32 bytes",
           "images/s");
    for (int i = 0; i < o->architecture_count; i++) {
        const gf_cli_architecture *arch = &o->architectures[i];
        char parameters[32], bytes[32];
        gf_cli_grouped(parameters, arch->cost.parameters);
        gf_bytes_text(bytes, 4.0 * (double)arch->cost.parameters);
        printf("  %-32s %12s %9.2f M %12s %10.0f\n", arch->label, parameters,
               (double)arch->cost.macs / 1e6, bytes, arch->images_per_second);
    }
}

gf_status gf_cli_plan_print(const gf_plan *plan, const gf_cli_outlook *o,
                            const gf_cli_simulation *simulation)
{
    gf_status status;
    gf_text tree = { 0 };
    GF_TRY(gf_plan_tree_text(plan, &tree));
    GF_TRY(gf_text_check(&tree));
    print_sweep(plan);
    print_work(plan, o);
    print_forecast(plan, &o->forecast);
    printf("\n%s", tree.data ? tree.data : "");
    print_architectures(o);
    if (simulation->count) gf_cli_simulation_print(simulation, plan->early_stopping != NULL);
out:
    gf_text_release(&tree);
    return status;
}

static json_t *architectures_json(const gf_cli_outlook *o)
{
    json_t *list = json_array();
    for (int i = 0; i < o->architecture_count; i++) {
        const gf_cli_architecture *arch = &o->architectures[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:f}", "label", arch->label,
                                              "parameters", (json_int_t)arch->cost.parameters,
                                              "macs", (json_int_t)arch->cost.macs, "bytes",
                                              (json_int_t)(4 * arch->cost.parameters),
                                              "images_per_second", arch->images_per_second));
    }
    return list;
}

static json_t *stages_json(const gf_plan *plan)
{
    json_t *list = json_array();
    for (int i = 0; i < plan->stage_count; i++) {
        const gf_plan_stage *stage = &plan->stages[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:i, s:I}", "key",
                                              stage->key.hex, "kind", stage->kind, "label",
                                              stage->label, "parent", stage->parent, "epochs",
                                              stage->epochs, "seed", (json_int_t)stage->seed));
    }
    return list;
}

static json_t *forecast_json(const gf_forecast *f)
{
    return json_pack("{s:f, s:f, s:f, s:i, s:i, s:f, s:f, s:f, s:i, s:i}", "seconds",
                     f->time.seconds, "low", f->time.low, "high", f->time.high, "workers",
                     f->place.workers, "threads", f->place.threads, "bytes", f->bytes, "bytes_low",
                     f->bytes_low, "bytes_high", f->bytes_high, "measured_stages", f->samples,
                     "timed_models", f->timed);
}

void gf_cli_plan_print_json(const gf_plan *plan, const gf_cli_outlook *o,
                            const gf_cli_simulation *simulation)
{
    json_t *root = json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:o, s:o}", "name",
        plan->name, "points", plan->point_count, "seeds", plan->seed_count, "trials",
        plan->trial_count, "stages", plan->stage_count, "unshared_stages", plan->unshared_stages,
        "epochs", (json_int_t)plan->epochs, "unshared_epochs", (json_int_t)plan->unshared_epochs,
        "images", o->images, "flop", o->flop, "seconds", o->seconds, "artifact_bytes",
        o->forecast.bytes, "architectures", architectures_json(o), "stage_list", stages_json(plan));
    json_object_set_new(root, "forecast", forecast_json(&o->forecast));
    if (simulation->count)
        json_object_set_new(root, "simulated", gf_cli_simulation_json(simulation));
    json_dumpf(root, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(root);
}
