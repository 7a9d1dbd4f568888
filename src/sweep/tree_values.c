/* Sets of values in a drawing: the combinations of a grid are written as the grid. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 12, SHOWN = 6 };

typedef struct part { /* "lr 0.1": name "lr", value "0.1" */
    const char *name, *value;
    size_t name_size, value_size;
} part;
typedef struct column { /* the different values of one part */
    part *items;
    int count;
} column;

gf_status tree_values_add(tree_values *list, const char *value)
{
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 8;
        const char **items = realloc(list->items, (size_t)capacity * sizeof *items);
        if (!items) return gf_fail(GF_NOMEM, "out of memory");
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = value;
    return GF_OK;
}

/* Splits at ", "; 0: more parts than we look at. */
static int split(part out[PARTS], const char *text)
{
    int count = 0;
    while (*text) {
        if (count == PARTS) return 0;
        const char *end = strstr(text, ", ");
        size_t size = end ? (size_t)(end - text) : strlen(text);
        size_t name = size;
        while (name > 0 && text[name - 1] != ' ') name--;
        out[count++] = (part){
            .name = text, .name_size = name, .value = text + name, .value_size = size - name
        };
        text += size + (end ? 2 : 0);
    }
    return count;
}

static bool same_name(const part *a, const part *b)
{
    return a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0;
}

static bool same_value(const part *a, const part *b)
{
    return a->value_size == b->value_size && memcmp(a->value, b->value, a->value_size) == 0;
}

bool tree_values_alike(const char *a, const char *b)
{
    part a_parts[PARTS], b_parts[PARTS];
    int count = split(a_parts, a);
    if (split(b_parts, b) != count) return false;
    for (int i = 0; i < count; i++)
        if (!same_name(&a_parts[i], &b_parts[i])) return false;
    return true;
}

static void add_value(column *into, const part *one)
{
    for (int i = 0; i < into->count; i++)
        if (same_value(&into->items[i], one)) return;
    into->items[into->count++] = *one;
}

static void append_column(gf_text *out, const column *one)
{
    gf_text_append(out, "%.*s%s", (int)one->items[0].name_size, one->items[0].name,
                   one->count > 1 ? "{" : "");
    for (int i = 0; i < one->count; i++) {
        bool skip = one->count > SHOWN && i >= SHOWN - 2 && i < one->count - 1;
        if (skip && i == SHOWN - 2) gf_text_append(out, ", ...");
        if (skip) continue;
        gf_text_append(out, "%s%.*s", i ? ", " : "", (int)one->items[i].value_size,
                       one->items[i].value);
    }
    gf_text_append(out, "%s", one->count > 1 ? "}" : "");
}

/* Are the values all combinations of the columns? They are different from each other. */
static bool read_columns(column columns[PARTS], int *count, const tree_values *list)
{
    part parts[PARTS];
    int64_t combinations = 1;
    *count = split(parts, list->items[0]);
    for (int i = 0; i < list->count; i++) {
        if (split(parts, list->items[i]) != *count) return false;
        for (int k = 0; k < *count; k++) {
            if (i > 0 && !same_name(&parts[k], &columns[k].items[0])) return false;
            add_value(&columns[k], &parts[k]);
        }
    }
    for (int k = 0; k < *count; k++) combinations *= columns[k].count;
    return *count > 0 && combinations == list->count;
}

static void append_plain(gf_text *out, const tree_values *list)
{
    gf_text_append(out, " {");
    for (int i = 0; i < list->count && i < 3; i++)
        gf_text_append(out, "%s%s", i ? "; " : "", list->items[i]);
    gf_text_append(out, "%s", list->count > 3 ? "; ...}" : "}");
    if (list->count > 3) gf_text_append(out, " (%d)", list->count);
}

void tree_values_append(gf_text *out, const tree_values *list)
{
    column columns[PARTS] = { { 0 } };
    int count = 0;
    bool memory = true;
    if (list->count == 0 || (list->count == 1 && !list->items[0][0])) return;
    for (int k = 0; k < PARTS && memory; k++)
        memory = (columns[k].items = malloc((size_t)list->count * sizeof(part))) != NULL;
    if (!memory) {
        out->failed = true;
    } else if (read_columns(columns, &count, list)) {
        for (int k = 0; k < count; k++) {
            gf_text_append(out, "%s ", k ? "," : "");
            append_column(out, &columns[k]);
        }
    } else {
        append_plain(out, list);
    }
    for (int k = 0; k < PARTS; k++) free(columns[k].items);
}
