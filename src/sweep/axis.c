/* Axes: { grid = [...] }, { linear = [lo, hi]; points = n }, { log = ... }, { integer = [lo, hi];
 * step = 1 }, { choose = (...) }, each with an optional zip = "name". Decides what an axis is and
 * which values it has; zipped axes share one dimension of the grid.
 * Values between the ends are rounded to as few digits as keep them apart (logarithmic, 4 or more;
 * linear, 12): short to read, and the same on every machine whatever the last bit of its exp(). */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_words[] = { "grid", "linear", "log", "integer", "choose" };
enum { KINDS = 5 };

/* A group is an axis when one of these keys in it holds a list; -1: it is an ordinary group. */
static int axis_kind_of(const node *at)
{
    for (int kind = 0; at->kind == NODE_GROUP && kind < KINDS; kind++) {
        const node *member = node_member(at, kind_words[kind]);
        if (member && member->kind == NODE_LIST) return kind;
    }
    return -1;
}

bool node_is_axis(const node *at)
{
    return axis_kind_of(at) >= 0;
}

static bool read_whole(mistakes *wrong, const node *at, int64_t low, int64_t *value)
{
    if (at->kind == NODE_INT) *value = strtoll(at->text, NULL, 10);
    if (at->kind == NODE_INT && *value >= low) return true;
    mistakes_add(wrong, at->at, "%s takes a whole number in [%" PRId64 ", inf)", at->name, low);
    return false;
}

static bool has_two_numbers(mistakes *wrong, const node *ends, bool whole)
{
    bool good = ends->count == 2;
    for (int i = 0; good && i < 2; i++)
        good = ends->items[i]->kind == NODE_INT || (!whole && ends->items[i]->kind == NODE_REAL);
    if (!good)
        mistakes_add(wrong, ends->at, "%s takes two %snumbers, [low, high]", ends->name,
                     whole ? "whole " : "");
    return good;
}

static void read_interval(axis *made, mistakes *wrong, const node *ends)
{
    if (!has_two_numbers(wrong, ends, false)) return;
    made->low = strtod(ends->items[0]->text, NULL);
    made->high = strtod(ends->items[1]->text, NULL);
    if (!(made->low < made->high))
        mistakes_add(wrong, ends->at, "%s = [%s, %s]: low must be below high", ends->name,
                     ends->items[0]->text, ends->items[1]->text);
    else if (made->kind == AXIS_LOG && !(made->low > 0))
        mistakes_add(wrong, ends->at, "log = [%s, %s]: a logarithmic axis starts above 0",
                     ends->items[0]->text, ends->items[1]->text);
    const node *points = node_member(made->owner, "points");
    if (points) read_whole(wrong, points, 2, &made->count);
}

static void read_integers(axis *made, mistakes *wrong, const node *ends)
{
    int64_t high = 0;
    made->step = 1;
    const node *step = node_member(made->owner, "step");
    if (step && !read_whole(wrong, step, 1, &made->step)) made->step = 1;
    if (!has_two_numbers(wrong, ends, true)) return;
    made->first = strtoll(ends->items[0]->text, NULL, 10);
    high = strtoll(ends->items[1]->text, NULL, 10);
    if (made->first >= high) {
        mistakes_add(wrong, ends->at, "integer = [%s, %s]: low must be below high",
                     ends->items[0]->text, ends->items[1]->text);
        made->count = 1;
        return;
    }
    uint64_t span = (uint64_t)high - (uint64_t)made->first;
    uint64_t steps = span / (uint64_t)made->step;
    made->count = steps >= INT64_MAX ? INT64_MAX : (int64_t)steps + 1;
}

static void check_twice(mistakes *wrong, const node *values)
{
    for (int i = 0; i < values->count; i++)
        for (int j = 0; j < i; j++)
            if (node_is_scalar(values->items[i]) && node_is_scalar(values->items[j]) &&
                strcmp(values->items[i]->text, values->items[j]->text) == 0)
                mistakes_add(wrong, values->items[i]->at, "grid holds %s twice",
                             values->items[i]->text);
}

static void read_values(axis *made, mistakes *wrong, node *values)
{
    made->values = values->items;
    made->count = values->count;
    if (values->count == 0)
        mistakes_add(wrong, values->at, "%s is empty: it takes at least one value", values->name);
    for (int i = 0; made->kind == AXIS_GRID && i < values->count; i++)
        if (values->items[i]->kind == NODE_GROUP)
            mistakes_add(wrong, values->items[i]->at,
                         "grid takes plain values; groups stand in a choose");
    /* A zipped grid may repeat a value beside others that differ. */
    if (made->kind == AXIS_GRID && values->count <= 4096 && !node_member(made->owner, "zip"))
        check_twice(wrong, values);
}

static void check_members(const axis *made, mistakes *wrong)
{
    const char *mine = kind_words[made->kind];
    bool interval = made->kind == AXIS_LINEAR || made->kind == AXIS_LOG;
    for (int i = 0; i < made->owner->count; i++) {
        const node *member = made->owner->items[i];
        const char *name = member->name;
        bool known = strcmp(name, mine) == 0 || strcmp(name, "zip") == 0 || name[0] == '*' ||
                     (interval && strcmp(name, "points") == 0) ||
                     (made->kind == AXIS_INTEGER && strcmp(name, "step") == 0);
        if (known) continue;
        nearest search = nearest_to(name);
        nearest_offer(&search, "zip");
        if (interval) nearest_offer(&search, "points");
        if (made->kind == AXIS_INTEGER) nearest_offer(&search, "step");
        mistakes_add(wrong, member->at, "%s: a %s axis has no such key%s%s%s", name, mine,
                     search.best ? "; did you mean " : "", search.best ? search.best : "",
                     search.best ? "?" : "");
    }
}

static gf_status axis_read(axis **out, mistakes *wrong, gf_arena *arena, node *at, int kind)
{
    axis *made = gf_arena_alloc(arena, sizeof *made);
    if (!made) return gf_fail(GF_NOMEM, "out of memory");
    made->kind = (axis_kind)kind;
    made->owner = at;
    made->dimension = -1;
    made->head = made->field = "";
    node *values = node_member(at, kind_words[kind]);
    int before = wrong->count;
    check_members(made, wrong);
    if (kind == AXIS_GRID || kind == AXIS_CHOOSE)
        read_values(made, wrong, values);
    else if (kind == AXIS_INTEGER)
        read_integers(made, wrong, values);
    else
        read_interval(made, wrong, values);
    const node *zip = node_member(at, "zip");
    made->broken = wrong->count > before;
    if (zip && zip->kind == NODE_TEXT && zip->text[0])
        made->zip = zip->text;
    else if (zip)
        mistakes_add(wrong, zip->at, "zip takes a name in quotes");
    *out = made;
    return GF_OK;
}

static gf_status axes_add(axes *list, axis *which)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 16;
        axis **items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (!items) return gf_fail(GF_NOMEM, "out of memory");
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = which;
    return GF_OK;
}

gf_status axes_find(axes *list, mistakes *wrong, gf_arena *arena, node *at)
{
    gf_status status = GF_OK;
    int kind = axis_kind_of(at);
    if (kind >= 0) {
        GF_TRY(axis_read(&at->axis, wrong, arena, at, kind));
        GF_TRY(axes_add(list, at->axis));
        at->varies = true;
    }
    for (int i = 0; i < at->count; i++) {
        GF_TRY(axes_find(list, wrong, arena, at->items[i]));
        at->varies |= at->items[i]->varies;
    }
out:
    return status;
}

static int find_zip(const axes *list, const char *zip)
{
    for (int i = 0; zip && i < list->dimension_count; i++)
        if (list->dimensions[i].zip && strcmp(list->dimensions[i].zip, zip) == 0) return i;
    return -1;
}

static void join_dimension(axes *list, mistakes *wrong, axis *which)
{
    int found = find_zip(list, which->zip);
    if (found < 0) {
        found = list->dimension_count++;
        list->dimensions[found] =
            (axis_dimension){ .count = which->count, .zip = which->zip, .first = which };
    } else if (list->dimensions[found].count != which->count) {
        const axis *first = list->dimensions[found].first;
        mistakes_add(wrong, which->owner->at,
                     "zip \"%s\": this axis has %" PRId64
                     " values, the one in line %d has %" PRId64,
                     which->zip, which->count, first->owner->at.line, first->count);
    }
    list->dimensions[found].members++;
    which->dimension = found;
}

gf_status axes_number(axes *list, mistakes *wrong, gf_arena *arena, bool sampled)
{
    list->dimensions = gf_arena_alloc(arena, (size_t)list->count * sizeof *list->dimensions);
    if (!list->dimensions) return gf_fail(GF_NOMEM, "out of memory");
    for (int i = 0; i < list->count; i++) {
        axis *which = list->items[i];
        bool interval = which->kind == AXIS_LINEAR || which->kind == AXIS_LOG;
        if (interval && which->count == 0 && !sampled && !which->broken)
            mistakes_add(wrong, which->owner->at,
                         "%s needs points = n; only a sweep with sample may leave it out",
                         kind_words[which->kind]);
        join_dimension(list, wrong, which);
    }
    for (int i = 0; i < list->dimension_count; i++)
        if (list->dimensions[i].zip && list->dimensions[i].members == 1)
            mistakes_add(wrong, list->dimensions[i].first->owner->at,
                         "zip \"%s\" has no second axis to go along with", list->dimensions[i].zip);
    return GF_OK;
}

void axes_release(axes *list)
{
    free(list->items);
    *list = (axes){ 0 };
}

/* Digits that keep neighbours apart and nothing beyond. */
static int digits_of(const axis *which)
{
    bool linear = which->kind == AXIS_LINEAR;
    if (which->count == 0) return 6;
    double width = linear ? 1 : log(which->high) - log(which->low);
    double step = width / (double)(which->count - 1);
    return linear ? 12 : step > 1e-2 ? 4 : step > 1e-4 ? 6 : 12;
}

/* At the share t of the way from low to high. */
static double interval_value(const axis *which, double t)
{
    if (t <= 0) return which->low;
    if (t >= 1) return which->high;
    double value = which->kind == AXIS_LINEAR
                       ? which->low + t * (which->high - which->low)
                       : exp(log(which->low) + t * (log(which->high) - log(which->low)));
    char rounded[40];
    snprintf(rounded, sizeof rounded, "%.*g", digits_of(which), value);
    return strtod(rounded, NULL);
}

void axis_value_text(char out[40], const axis *which, uint64_t value)
{
    if (which->kind == AXIS_INTEGER) {
        snprintf(out, 40, "%" PRId64, which->first + (int64_t)value * which->step);
    } else if (which->kind == AXIS_LINEAR || which->kind == AXIS_LOG) {
        /* A continuous value is a fraction of 2^32. */
        double t = which->count ? (double)value / (double)(which->count - 1)
                                : (double)value / 4294967296.0;
        char text[32];
        gf_real_text(text, interval_value(which, t));
        snprintf(out, 40, "%s", text);
    } else {
        out[0] = '\0';
    }
}

void pick(picked *out, const node *at, const uint64_t *point)
{
    while (at->axis) {
        const axis *which = at->axis;
        uint64_t value = point[which->dimension];
        if (value == UNSET) value = 0;
        if (!which->values) {
            axis_value_text(out->buffer, which, value);
            out->node = at;
            out->kind = which->kind == AXIS_INTEGER ? NODE_INT : NODE_REAL;
            out->text = out->buffer;
            return;
        }
        at = which->values[value];
    }
    out->node = at;
    out->kind = at->kind;
    out->text = at->text;
}

int next_unset(const node *at, const uint64_t *point)
{
    if (!at || !at->varies) return -1;
    if (at->axis) {
        int dimension = at->axis->dimension;
        if (point[dimension] == UNSET) return dimension;
        return at->axis->values ? next_unset(at->axis->values[point[dimension]], point) : -1;
    }
    for (int i = 0; i < at->count; i++) {
        int found = next_unset(at->items[i], point);
        if (found >= 0) return found;
    }
    return -1;
}
