/* Tasks for the tests of the farm: 0 -> 1 -> 2, 0 -> 3, 4 alone. */
#ifndef GRIDFRONT_TESTS_FARM_TREE_H
#define GRIDFRONT_TESTS_FARM_TREE_H

#include <gridfront/farm.h>

static const int needs_0[] = { 0 }, needs_1[] = { 1 };
static const gf_farm_task tree[] = {
    { .cost = 1 },
    { .needs = needs_0, .need_count = 1, .cost = 2 },
    { .needs = needs_1, .need_count = 1, .cost = 3 },
    { .needs = needs_0, .need_count = 1, .cost = 1 },
    { .cost = 4 },
};

#endif
