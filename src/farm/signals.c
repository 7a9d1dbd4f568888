/* SIGUSR1, SIGTERM, SIGINT: save and leave. Handlers only count; loops look. */
#include "farm_private.h"

#include <signal.h>

static volatile sig_atomic_t asked; /* a handler has nowhere else to leave its word */

static void count_signal(int number)
{
    (void)number;
    asked = asked + 1;
}

int gf_farm_signals(void)
{
    return asked;
}

void gf_farm_catch_signals(void)
{
    const struct sigaction action = { .sa_handler = count_signal };
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}
