/* Which points a sweep has: all combinations of its axes in file order (the last one fastest), an
 * axis inside a branch or a teacher only where the branch is taken or the teacher used; or a drawn
 * subset. Then the conditions. Too many points are refused before memory is spent on them. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct finder {
    sweep *load;
    uint64_t *at; /* the assignment being made */
    chain links;
    bool counting; /* only how many there are */
    int64_t candidates;
    table seen; /* of a sample: assignments that were drawn before */
} finder;

static gf_status next_of_source(finder *work, const chain_source *from, bool *visited, int *found);

/* Axes of the teachers that this chain uses; it is fully assigned itself. */
static gf_status next_of_teachers(finder *work, const chain_source *from, bool *visited, int *found)
{
    gf_status status = GF_OK;
    sweep *load = work->load;
    const char *name;
    size_t size;
    chain links = { 0 };
    GF_TRY(resolve_chain(load, &links, from, work->at));
    for (int i = 0; i < links.count && *found < 0; i++) {
        const char *list = gf_options_get(links.links[i].options->options, "teacher");
        while (list && *found < 0) {
            list += teacher_names(list, &name, &size);
            if (size == 0) break;
            const chain_source *to = teacher_find(load, name, size);
            if (!to || visited[to - load->teachers]) continue;
            visited[to - load->teachers] = true;
            GF_TRY(next_of_source(work, to, visited, found));
        }
    }
out:
    chain_release(&links);
    return status;
}

static gf_status next_of_source(finder *work, const chain_source *from, bool *visited, int *found)
{
    *found = next_unset(from->data, work->at);
    if (*found < 0) *found = next_unset(from->model, work->at);
    if (*found < 0) *found = next_unset(from->stages, work->at);
    if (*found >= 0 || work->load->teacher_count == 0) return GF_OK;
    return next_of_teachers(work, from, visited, found);
}

static gf_status next_dimension(finder *work, int *found)
{
    bool visited[64] = { false };
    return next_of_source(work, &work->load->main, visited, found);
}

static gf_status keep_point(finder *work)
{
    gf_status status = GF_OK;
    sweep *load = work->load;
    size_t size = (size_t)load->axes.dimension_count * sizeof *work->at;
    GF_TRY(resolve_chain(load, &work->links, &load->main, work->at));
    if (!conditions_hold(load, &work->links)) return GF_OK;
    if (load->point_count == load->point_capacity) {
        int capacity = load->point_capacity ? 2 * load->point_capacity : 256;
        uint64_t **points = realloc(load->points, (size_t)capacity * sizeof *points);
        GF_TRY_ALLOC(points);
        load->points = points;
        load->point_capacity = capacity;
    }
    uint64_t *copy = gf_arena_alloc(load->arena, size);
    GF_TRY_ALLOC(copy);
    if (size) memcpy(copy, work->at, size);
    load->points[load->point_count++] = copy;
out:
    return status;
}

static gf_status visit(finder *work)
{
    gf_status status = GF_OK;
    int found = -1;
    if (work->counting && work->candidates > LIMIT_TRIALS) return GF_OK;
    GF_TRY(next_dimension(work, &found));
    if (found < 0) {
        work->candidates++;
        return work->counting ? GF_OK : keep_point(work);
    }
    uint64_t count = (uint64_t)work->load->axes.dimensions[found].count;
    for (uint64_t value = 0; value < count; value++) {
        work->at[found] = value;
        GF_TRY(visit(work));
        if (work->counting && work->candidates > LIMIT_TRIALS) break;
    }
    work->at[found] = UNSET;
out:
    return status;
}

static gf_status find_all(finder *work)
{
    gf_status status = GF_OK;
    work->counting = true;
    GF_TRY(visit(work));
    if (work->candidates > LIMIT_TRIALS) {
        mistakes_add(
            &work->load->wrong, (place){ .file = work->load->src.path },
            "more than 1,000,000 points; take fewer values, or draw some of them with sample = "
            "{ method = \"sobol\"; points = n; }");
        return GF_OK;
    }
    work->counting = false;
    GF_TRY(visit(work));
out:
    return status;
}

/* ---- samples ---- */

/* 32 bits for one axis of one draw. */
static uint32_t draw_bits(const sweep *load, int axis_index, uint32_t index)
{
    gf_random random = { .seed = load->sample.seed, .purpose = GF_PURPOSE_SAMPLE };
    uint32_t block[4];
    if (!load->sample.sobol) {
        gf_random_block(&random, index, (uint32_t)axis_index, block);
        return block[0];
    }
    /* A seed shifts the sequence digitally, the same for all its points; seed 0 leaves it. The
     * first point of the sequence, all lows, is left out. */
    random.ordinal = 1;
    gf_random_block(&random, 0, (uint32_t)axis_index, block);
    return sobol_bits(axis_index, index + 1) ^ (load->sample.seed ? block[0] : 0);
}

static gf_status draw(finder *work, uint32_t index)
{
    gf_status status = GF_OK;
    const axes *all = &work->load->axes;
    for (int i = 0; i < all->dimension_count; i++) work->at[i] = UNSET;
    for (;;) {
        int found = -1;
        GF_TRY(next_dimension(work, &found));
        if (found < 0) return GF_OK;
        uint64_t bits = draw_bits(work->load, found, index);
        int64_t count = all->dimensions[found].count;
        work->at[found] =
            count ? (uint64_t)(((unsigned __int128)bits * (uint64_t)count) >> 32) : bits;
    }
out:
    return status;
}

static bool is_new(const finder *work, uint64_t hash)
{
    size_t size = (size_t)work->load->axes.dimension_count * sizeof *work->at, cursor = 0;
    int found;
    while ((found = table_next(&work->seen, hash, &cursor)) >= 0)
        if (memcmp(work->load->points[found], work->at, size) == 0) return false;
    return true;
}

static gf_status try_draw(finder *work, uint32_t index)
{
    gf_status status = GF_OK;
    int before = work->load->point_count;
    GF_TRY(draw(work, index));
    uint64_t hash =
        table_hash(work->at, (size_t)work->load->axes.dimension_count * sizeof *work->at);
    if (!is_new(work, hash)) return GF_OK;
    GF_TRY(keep_point(work));
    if (work->load->point_count > before) GF_TRY(table_add(&work->seen, hash, before));
out:
    return status;
}

/* A subset: what was drawn before, or is excluded, is drawn again. */
static gf_status find_sample(finder *work)
{
    gf_status status = GF_OK;
    sweep *load = work->load;
    int64_t wanted = load->sample.points, limit = 1000 + 64 * wanted;
    if (load->sample.sobol && load->axes.dimension_count > SOBOL_DIMENSIONS) {
        mistakes_add(&load->wrong, load->sample.at,
                     "sobol covers at most %d axes and this sweep has %d; use method = \"random\"",
                     SOBOL_DIMENSIONS, load->axes.dimension_count);
        return GF_OK;
    }
    for (int64_t i = 0; i < limit && load->point_count < wanted; i++)
        GF_TRY(try_draw(work, (uint32_t)i));
    if (load->point_count > 0 && load->point_count < wanted)
        mistakes_add(&load->wrong, load->sample.at,
                     "sample.points = %" PRId64 ", but only %d different points were found", wanted,
                     load->point_count);
out:
    return status;
}

static void check_counts(sweep *load)
{
    place at = { .file = load->src.path };
    if (load->wrong.count > 0) return;
    if (load->point_count == 0)
        mistakes_add(&load->wrong, load->condition_count ? load->conditions[0].at : at,
                     "no point is left after exclude and require");
    if ((int64_t)load->point_count * load->plan->seed_count > LIMIT_TRIALS)
        mistakes_add(&load->wrong, at, "%d points x %d seeds are more than %d trials",
                     load->point_count, load->plan->seed_count, LIMIT_TRIALS);
}

gf_status points_find(sweep *load)
{
    gf_status status = GF_OK;
    finder work = { .load = load };
    int count = load->axes.dimension_count;
    if (load->sample.active && load->sample.points > LIMIT_TRIALS) {
        mistakes_add(&load->wrong, load->sample.at, "sample.points = %" PRId64 " is more than %d",
                     load->sample.points, LIMIT_TRIALS);
        return GF_OK;
    }
    GF_TRY_ALLOC(work.at = malloc((size_t)(count + 1) * sizeof *work.at));
    for (int i = 0; i < count; i++) work.at[i] = UNSET;
    if (load->sample.active)
        GF_TRY(find_sample(&work));
    else
        GF_TRY(find_all(&work));
    check_counts(load);
out:
    chain_release(&work.links);
    table_release(&work.seen);
    free(work.at);
    return status;
}
