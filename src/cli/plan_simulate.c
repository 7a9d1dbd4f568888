/* gridfront plan FILE --simulate: how long the sweep would take on so many ranks, by the code that
 * schedules real runs and the times that plan predicts. Failures are left out. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_MOST = 32, RANKS_MOST = 1000000 };
static const char usual_ranks[] = "1,2,8,64,1000,10000";

/* "1,2,8" */
static gf_status read_ranks(int ranks[LISTED_MOST], int *count, const char *text)
{
    *count = 0;
    for (const char *at = text;; at++) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || value < 1 || value > RANKS_MOST)
            return gf_fail(GF_INVALID, "plan: --simulate = %s: each is a number in [1, %d]", text,
                           RANKS_MOST);
        if (*count == LISTED_MOST)
            return gf_fail(GF_INVALID, "plan: --simulate = %s: more than %d numbers", text,
                           LISTED_MOST);
        ranks[(*count)++] = (int)value;
        if (!*end) return GF_OK;
        at = end;
    }
}

static gf_status read_spread(double *spread, const char *text)
{
    char *end;
    *spread = text ? strtod(text, &end) : 0;
    if (text && (end == text || *end || !(*spread >= 0 && *spread <= 2)))
        return gf_fail(GF_INVALID, "plan: --spread = %s is outside [0, 2]", text);
    return GF_OK;
}

gf_status gf_cli_simulation_read(gf_cli_simulation *simulation, const char *ranks,
                                 const char *spread)
{
    gf_status status;
    int numbers[LISTED_MOST];
    gf_cli_simulation made = { 0 };
    GF_TRY(read_ranks(numbers, &made.count, *ranks ? ranks : usual_ranks));
    GF_TRY(read_spread(&made.spread, spread));
    GF_TRY_ALLOC(made.rows = gf_alloc((size_t)made.count, sizeof *made.rows));
    for (int i = 0; i < made.count; i++) made.rows[i].ranks = numbers[i];
    *simulation = made;
out:
    return status;
}

void gf_cli_simulation_release(gf_cli_simulation *simulation)
{
    free(simulation->rows);
}

gf_status gf_cli_simulate(gf_cli_simulation *simulation, gf_farm_task *tasks, int count)
{
    gf_status status = GF_OK;
    for (int i = 0; i < count; i++) tasks[i].held = false;
    for (int i = 0; i < simulation->count; i++)
        GF_TRY(gf_farm_simulate(&simulation->rows[i].result, tasks, count,
                                simulation->rows[i].ranks, simulation->spread, 1));
out:
    return status;
}

/* ---- printing ---- */

static double speed_up(const gf_farm_simulated *r)
{
    return r->makespan > 0 ? r->work / r->makespan : 1;
}

void gf_cli_simulation_print(const gf_cli_simulation *simulation, bool early_stopping)
{
    char work[32], path[32], makespan[32], bound[32], ranks[32];
    const gf_farm_simulated *first = &simulation->rows[0].result;
    gf_duration_text(work, first->work);
    gf_duration_text(path, first->path);
    printf("\n  simulated: work of %s, the longest chain %s", work, path);
    if (early_stopping) printf(", nothing stopped early");
    if (simulation->spread > 0) printf(", times spread by %.0f %%", 100 * simulation->spread);
    printf("\n  %9s %12s %9s %10s   %s\n", "ranks", "makespan", "busy", "speed-up", "at least");
    for (int i = 0; i < simulation->count; i++) {
        const gf_farm_simulated *r = &simulation->rows[i].result;
        gf_cli_grouped(ranks, simulation->rows[i].ranks);
        gf_duration_text(makespan, r->makespan);
        gf_duration_text(bound, r->bound);
        printf("  %9s %12s %7.1f %% %9.1fx   %s, %s\n", ranks, makespan, 100 * r->busy, speed_up(r),
               bound, r->path >= r->bound ? "the longest chain" : "work shared out");
    }
}

json_t *gf_cli_simulation_json(const gf_cli_simulation *simulation)
{
    json_t *list = json_array();
    for (int i = 0; i < simulation->count; i++) {
        const gf_farm_simulated *r = &simulation->rows[i].result;
        json_array_append_new(list,
                              json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "ranks",
                                        simulation->rows[i].ranks, "makespan", r->makespan,
                                        "utilization", r->busy, "speed_up", speed_up(r), "bound",
                                        r->bound, "critical_path", r->path, "work", r->work));
    }
    return list;
}
