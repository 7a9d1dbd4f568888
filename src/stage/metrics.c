/* The columns of the result table: one list makes names, goals and help. */
#include <gridfront/stage.h>

#define NAME(id, name, maximize, time, help)     name,
#define MAXIMIZE(id, name, maximize, time, help) maximize,
#define TIME(id, name, maximize, time, help)     time,
#define HELP(id, name, maximize, time, help)     help,

const char *const gf_metric_names[GF_METRIC_COUNT + 1] = { GF_METRIC_LIST(NAME) NULL };
const bool gf_metric_maximize[GF_METRIC_COUNT] = { GF_METRIC_LIST(MAXIMIZE) };
const char *const gf_metric_help[GF_METRIC_COUNT] = { GF_METRIC_LIST(HELP) };

bool gf_metric_is_time(gf_metric metric)
{
    static const bool times[GF_METRIC_COUNT] = { GF_METRIC_LIST(TIME) };
    return times[metric];
}
