/* The network really running on this CPU: medians over repeated forward passes in evaluation
 * mode. Passes of a third of `seconds` warm up; then at least five and at most MOST are timed. */
#include <gridfront/deploy.h>

#include <stdlib.h>

enum { LEAST = 5, MOST = 1000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_passes(double *times, gf_run *run, int batch, double seconds)
{
    double begin = gf_clock();
    do gf_run_forward(run, batch, GF_MODE_EVALUATE, NULL);
    while (gf_clock() - begin < seconds / 3);
    begin = gf_clock();
    int runs = 0;
    while (runs < MOST && (runs < LEAST || gf_clock() - begin < seconds)) {
        double start = gf_clock();
        gf_run_forward(run, batch, GF_MODE_EVALUATE, NULL);
        times[runs++] = gf_clock() - start;
    }
    return runs;
}

gf_status gf_latency_measure(gf_latency *latency, gf_net *net, int batch, double seconds,
                             const gf_kernels *kernels)
{
    gf_status status;
    gf_run *run = NULL;
    double *times = NULL;
    GF_TRY_ALLOC(times = gf_alloc(MOST, sizeof *times));
    GF_TRY(gf_run_create(&run, net, kernels, batch, false));
    int runs = time_passes(times, run, batch, seconds);
    qsort(times, (size_t)runs, sizeof *times, ascending);
    *latency = (gf_latency){
        .p50 = times[runs / 2], .p99 = times[(runs * 99) / 100], .batch = batch, .runs = runs
    };
out:
    gf_run_destroy(run);
    free(times);
    return status;
}
