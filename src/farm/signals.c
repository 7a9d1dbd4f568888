/* SIGUSR1, SIGTERM, SIGINT: save and leave. A second SIGINT: leave now. Batch systems send USR1,
 * CONT and TERM in a row, so that only the key says impatience. Handlers only count; loops look. */
#include "farm_private.h"

#include <signal.h>

static volatile sig_atomic_t asked, keys; /* a handler has nowhere else to leave its word */

static void count_signal(int number)
{
    asked = 1;
    if (number == SIGINT) keys = keys + 1;
}

gf_asked gf_farm_asked(void)
{
    return keys > 1 ? GF_ASKED_NOW : asked ? GF_ASKED_SAVE : GF_ASKED_NOTHING;
}

void gf_farm_catch_signals(void)
{
    const struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}
