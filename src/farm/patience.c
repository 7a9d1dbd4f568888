/* How long ranks wait for each other. MPI knows no time-outs: where a rank dies while all start or
 * end, the others would stand in MPI_Init or MPI_Finalize for ever. */
#include "farm_private.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SECONDS 60.0

double gf_farm_patience(void)
{
    const char *text = getenv("GRIDFRONT_PATIENCE");
    double seconds = text ? strtod(text, NULL) : DEFAULT_SECONDS;
    return seconds >= 1 && seconds <= 86400 ? seconds : DEFAULT_SECONDS;
}

static void on_alarm(int number)
{
    static const char words[] = "gridfront: a rank has died while MPI started or ended; the others "
                                "leave (GRIDFRONT_PATIENCE)\n";
    ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

void gf_farm_watch(double seconds)
{
    signal(SIGALRM, on_alarm);
    alarm((unsigned)ceil(seconds));
}
