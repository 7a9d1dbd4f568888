/* What an edited sweep changes against stored results: by keys, which decide, and as lines of the
 * text, which explain. Lines are matched by their longest common subsequence between the first and
 * the last difference (Myers 1986 would be faster; sweep files are short). */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 40, LARGEST = 2000 };

typedef struct lines {
    const char **start;
    size_t *size;
    int count;
} lines;

static void lines_release(lines *list)
{
    free(list->start);
    free(list->size);
}

static gf_status lines_split(lines *list, const char *text)
{
    gf_status status = GF_OK;
    size_t most = 1;
    for (const char *at = text; *at; at++) most += *at == '\n';
    GF_TRY_ALLOC(list->start = malloc(most * sizeof *list->start));
    GF_TRY_ALLOC(list->size = malloc(most * sizeof *list->size));
    while (*text) {
        size_t size = strcspn(text, "\n");
        list->start[list->count] = text;
        list->size[list->count++] = size;
        text += size + (text[size] == '\n');
    }
out:
    return status;
}

static bool same_line(const lines *a, int i, const lines *b, int j)
{
    return a->size[i] == b->size[j] && memcmp(a->start[i], b->start[j], a->size[i]) == 0;
}

static void append_line(gf_text *out, char sign, const lines *list, int index, int *shown)
{
    if (++*shown == SHOWN + 1) gf_text_append(out, "...\n");
    if (*shown > SHOWN) return;
    gf_text_append(out, "%c %d: %.*s\n", sign, index + 1, (int)list->size[index],
                   list->start[index]);
}

/* common[i][j]: length of the longest common subsequence of a[i..] and b[j..]. */
static void fill_common(uint16_t *common, const lines *a, int first, int a_end, const lines *b,
                        int b_end)
{
    int width = b_end - first + 1;
    for (int i = a_end - 1; i >= first; i--)
        for (int j = b_end - 1; j >= first; j--) {
            uint16_t *here = &common[(i - first) * width + (j - first)];
            uint16_t below = here[width], right = here[1];
            *here = same_line(a, i, b, j) ? (uint16_t)(here[width + 1] + 1)
                    : below > right       ? below
                                          : right;
        }
}

static gf_status append_changes(gf_text *out, const lines *a, const lines *b)
{
    gf_status status = GF_OK;
    int first = 0, a_end = a->count, b_end = b->count, shown = 0;
    uint16_t *common = NULL;
    while (first < a_end && first < b_end && same_line(a, first, b, first)) first++;
    while (a_end > first && b_end > first && same_line(a, a_end - 1, b, b_end - 1))
        a_end--, b_end--;
    if (a_end - first > LARGEST || b_end - first > LARGEST) {
        gf_text_append(out, "the two texts have little in common\n");
        return GF_OK;
    }
    size_t width = (size_t)(b_end - first) + 1, height = (size_t)(a_end - first) + 1;
    GF_TRY_ALLOC(common = calloc(width * height, sizeof *common));
    fill_common(common, a, first, a_end, b, b_end);
    for (int i = first, j = first; i < a_end || j < b_end;) {
        const uint16_t *here = &common[(size_t)(i - first) * width + (size_t)(j - first)];
        if (i < a_end && j < b_end && same_line(a, i, b, j))
            i++, j++;
        else if (i < a_end && (j == b_end || here[width] >= here[1]))
            append_line(out, '-', a, i++, &shown);
        else
            append_line(out, '+', b, j++, &shown);
    }
out:
    free(common);
    return status;
}

static gf_status count_keys(gf_plan_difference *difference, const gf_plan *plan,
                            const char *const *stored, int stored_count)
{
    gf_status status = GF_OK;
    table index = { 0 };
    int kept = 0;
    for (int i = 0; i < stored_count; i++)
        GF_TRY(table_add(&index, table_hash(stored[i], strlen(stored[i])), i));
    for (int i = 0; i < plan->stage_count; i++) {
        const char *key = plan->stages[i].key.hex;
        size_t cursor = 0;
        int found;
        while ((found = table_next(&index, table_hash(key, strlen(key)), &cursor)) >= 0)
            if (strcmp(stored[found], key) == 0) break;
        kept += found >= 0;
    }
    difference->added = plan->stage_count - kept;
    difference->gone = stored_count - kept;
out:
    table_release(&index);
    return status;
}

gf_status gf_plan_compare(gf_plan_difference *difference, const gf_plan *plan,
                          const char *const *stored_keys, int stored_count, const char *stored_text)
{
    gf_status status = GF_OK;
    lines before = { 0 }, after = { 0 };
    gf_text text = { 0 };
    gf_plan_difference made = { 0 };
    GF_TRY(count_keys(&made, plan, stored_keys, stored_count));
    if (made.added || made.gone) {
        GF_TRY(lines_split(&before, stored_text));
        GF_TRY(lines_split(&after, plan->text));
        GF_TRY(append_changes(&text, &before, &after));
    }
    GF_TRY(gf_text_check(&text));
    GF_TRY_ALLOC(made.lines = gf_text_take(&text));
    *difference = made;
out:
    gf_text_release(&text);
    lines_release(&before);
    lines_release(&after);
    return status;
}

void gf_plan_difference_release(gf_plan_difference *difference)
{
    free(difference->lines);
    *difference = (gf_plan_difference){ 0 };
}
