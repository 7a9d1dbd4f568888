/* What history.c keeps and learn.c learns from. */
#ifndef GRIDFRONT_FARM_HISTORY_H
#define GRIDFRONT_FARM_HISTORY_H

#include <gridfront/farm.h>

#include <limits.h>

/* The ratios of one path in one run, as their logarithms. */
typedef struct gf_entry {
    char *path; /* owned */
    int run, count;
    double mean, squares; /* squares: sum of those of the deviations from the mean */
} gf_entry;

typedef struct gf_entries {
    gf_entry *items;
    int count, capacity;
} gf_entries;

struct gf_history {
    char folder[PATH_MAX]; /* "": nothing is kept */
    gf_entries known;      /* of earlier runs, sorted by path */
    gf_entries fresh;      /* of this run */
};

#endif
