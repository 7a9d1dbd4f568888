/* Collects every mistake of a sweep file and lists them in the order of the file, so that a user
 * repairs them in one go. Also finds the nearest known word for "did you mean". */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_known(const mistakes *list, place at, const char *text)
{
    for (int i = 0; i < list->count; i++)
        if (list->items[i].at.line == at.line && list->items[i].at.order == at.order &&
            strcmp(list->items[i].text, text) == 0)
            return true;
    return false;
}

static bool reserve_one(mistakes *list)
{
    if (list->count < list->capacity) return true;
    int capacity = list->capacity ? 2 * list->capacity : 16;
    mistake *items = realloc(list->items, (size_t)capacity * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

void mistakes_add(mistakes *list, place at, const char *format, ...)
{
    gf_text text = { 0 };
    if (list->count >= LIMIT_MISTAKES) return;
    va_list arguments;
    va_start(arguments, format);
    gf_text_append_v(&text, format, arguments);
    va_end(arguments);
    char *line = gf_text_take(&text);
    if (line && is_known(list, at, line)) {
        free(line);
    } else if (!line || !reserve_one(list)) {
        free(line);
        list->failed = true;
    } else {
        list->items[list->count++] = (mistake){ .at = at, .text = line };
    }
}

static int compare_mistakes(const void *a, const void *b)
{
    const mistake *one = a, *other = b;
    if (one->at.order != other->at.order) return one->at.order < other->at.order ? -1 : 1;
    return strcmp(one->text, other->text);
}

gf_status mistakes_report(mistakes *list, char **text)
{
    if (list->failed) return gf_fail(GF_NOMEM, "out of memory");
    if (list->count == 0) return GF_OK;
    qsort(list->items, (size_t)list->count, sizeof *list->items, compare_mistakes);
    gf_text lines = { 0 };
    for (int i = 0; i < list->count; i++) {
        const mistake *one = &list->items[i];
        gf_text_append(&lines, "%s", one->at.file);
        if (one->at.line > 0) gf_text_append(&lines, ":%d", one->at.line);
        gf_text_append(&lines, ": %s\n", one->text);
    }
    if (list->count >= LIMIT_MISTAKES)
        gf_text_append(&lines, "%s: and perhaps more; these are the first %d\n",
                       list->items[0].at.file, LIMIT_MISTAKES);
    char *taken = gf_text_take(&lines);
    if (!taken) return gf_fail(GF_NOMEM, "out of memory");
    *text = taken;
    return gf_fail(GF_INVALID, "%d mistake%s in the sweep", list->count,
                   list->count == 1 ? "" : "s");
}

void mistakes_release(mistakes *list)
{
    for (int i = 0; i < list->count; i++) free(list->items[i].text);
    free(list->items);
    *list = (mistakes){ 0 };
}

nearest nearest_to(const char *word)
{
    int size = (int)strlen(word);
    /* A third of the word may be wrong, but never all of it. */
    return (nearest){ .word = word, .distance = size < 3 ? 2 : size / 3 + 2 };
}

void nearest_offer(nearest *search, const char *candidate)
{
    int distance = gf_text_distance(search->word, candidate);
    if (distance < search->distance && distance < (int)strlen(candidate)) {
        search->distance = distance;
        search->best = candidate;
    }
}

void nearest_offer_choice(char *out, size_t size, const char *word, const char *choices)
{
    char candidate[96];
    int best = nearest_to(word).distance;
    out[0] = '\0';
    for (const char *at = choices; at && *at;) {
        size_t length = strcspn(at, "|");
        snprintf(candidate, sizeof candidate, "%.*s", (int)length, at);
        int distance = gf_text_distance(word, candidate);
        if (distance < best) {
            best = distance;
            snprintf(out, size, "%s", candidate);
        }
        at += length + (at[length] == '|');
    }
}
