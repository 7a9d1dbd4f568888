/* The clocks. */
#include <gridfront/base.h>

#include <errno.h>
#include <math.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double gf_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double gf_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

void gf_sleep(double seconds)
{
    if (!(seconds > 0)) return;
    double whole = floor(seconds);
    struct timespec rest = { .tv_sec = (time_t)whole, .tv_nsec = (long)(1e9 * (seconds - whole)) };
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ;
}
