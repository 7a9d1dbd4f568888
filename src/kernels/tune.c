/* Which grain a knob has: the measured one, or 100 %. The plan is the one table of this process
 * that is neither constant nor an argument: it is written by the thread that calls the kernels,
 * between calls, and changes how fast a result comes and never which. */
#include "tune.h"

#include <omp.h>
#include <string.h>

const int gf_tune_grains[GF_TUNE_GRAINS] = { GF_TUNE_DEFAULT, 25, 50, 200, 400 };

static gf_tuning plan;

gf_tuning *gf_tune_plan(void)
{
    return &plan;
}

static bool is_same(const gf_knob *a, const gf_knob *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* nothing but ints, so no padding */
}

int gf_tuning_find(const gf_tuning *tuning, const gf_knob *knob)
{
    for (int i = 0; i < tuning->count; i++)
        if (is_same(&tuning->choices[i].knob, knob)) return tuning->choices[i].grain;
    return 0;
}

void gf_tuning_put(gf_tuning *tuning, const gf_knob *knob, int grain)
{
    int i = 0;
    while (i < tuning->count && !is_same(&tuning->choices[i].knob, knob)) i++;
    if (i == GF_TUNE_MAX) return;
    tuning->choices[i] = (gf_choice){ *knob, grain };
    if (i == tuning->count) tuning->count++;
}

int gf_tune_grain(gf_pass pass, const gf_conv_shape *shape)
{
    const gf_knob knob = { (int)pass, omp_get_max_threads(), *shape };
    int grain = gf_tuning_find(&plan, &knob);
    return grain ? grain : GF_TUNE_DEFAULT;
}

int gf_tune_scale(int count, int grain)
{
    int64_t scaled = (int64_t)count * grain / GF_TUNE_DEFAULT;
    return scaled < 1 ? 1 : scaled > INT_MAX ? INT_MAX : (int)scaled;
}

void gf_tune_start(void)
{
    char path[PATH_MAX];
    plan.count = 0;
    gf_status status = gf_tune_path(path);
    if (status == GF_OK) status = gf_tune_load(&plan, path);
    if (status == GF_OK)
        gf_log(GF_DEBUG, "kernels", "%d measured choices from %s", plan.count, path);
    else
        gf_log(GF_DEBUG, "kernels", "no measured plan: %s", gf_error_message());
    gf_error_clear();
}
