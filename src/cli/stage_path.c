/* Which stages take alike: paths from the general to the special, by which times are learned. Read
 * from the rows of a study, so that a run, a plan and who watches mean the same. */
#include "forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *find_option(const char *options, const char *key)
{
    size_t size = strlen(key);
    for (const char *line = options; line && *line;) {
        if (strncmp(line, key, size) == 0 && strncmp(line + size, " = ", 3) == 0)
            return line + size + 3;
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return NULL;
}

void gf_cli_row_option(char *out, size_t size, const gf_stage_row *row, const char *key)
{
    const char *value = find_option(row->options, key);
    snprintf(out, size, "%.*s", value ? (int)strcspn(value, "\n") : 0, value ? value : "");
}

int gf_cli_row_number(const gf_stage_row *row, const char *key)
{
    const char *value = find_option(row->options, key);
    return value ? atoi(value) : 0;
}

/* "resnet18 blocks 2,2,2,2 width 16": every option of the model. */
static void append_model(gf_text *out, const char *options)
{
    const char *arch = find_option(options, "model.arch");
    gf_text_append(out, "%.*s", arch ? (int)strcspn(arch, "\n") : 1, arch ? arch : "?");
    for (const char *line = options; line && *line;) {
        const char *value = strstr(line, " = ");
        if (value && strncmp(line, "model.", 6) == 0 && strncmp(line, "model.arch ", 11) != 0)
            gf_text_append(out, " %.*s %.*s", (int)(value - line - 6), line + 6,
                           (int)strcspn(value + 3, "\n"), value + 3);
        line = strchr(line, '\n');
        line += line != NULL;
    }
}

/* A segment that is not its training's last leaves more than a network. */
static bool is_cut(const gf_stage_row *row)
{
    int until = gf_cli_row_number(row, "segment.until");
    return until > 0 && until < gf_cli_row_number(row, "epochs");
}

static void append_kind(gf_text *out, const gf_stage_row *row)
{
    char method[64];
    gf_cli_row_option(method, sizeof method, row, "method");
    gf_text_append(out, "%s%s%s%s", row->kind, method[0] ? " " : "", method,
                   is_cut(row) ? ", cut" : "");
}

/* What may have changed the network before: stages that do more than train it. */
static void append_before(gf_text *out, const gf_stage_row *rows, int row)
{
    for (int at = rows[row].parent, shown = 0; at >= 0 && shown < 2; at = rows[at].parent) {
        if (!find_option(rows[at].options, "method")) continue;
        gf_text_append(out, " after %s %s", rows[at].kind, rows[at].label);
        shown++;
    }
}

/* 2^41: what does not grow with the images weighs more in small stages. */
static void append_setting(gf_text *out, const gf_stage_row *row, int threads)
{
    char batch[16], numerics[16];
    gf_cli_row_option(batch, sizeof batch, row, "batch");
    gf_cli_row_option(numerics, sizeof numerics, row, "numerics");
    gf_text_append(out, "threads %d", threads);
    if (batch[0]) gf_text_append(out, " batch %s", batch);
    if (strcmp(numerics, "bf16") == 0) gf_text_append(out, " bf16");
    gf_text_append(out, " 2^%d", row->cost > 0 ? (int)lrint(log2(row->cost)) : 0);
}

/* '/' parts a path; a text of ours holds no line breaks. */
static void append_clean(char out[GF_STAGE_PATH], gf_text *part, const char *before)
{
    size_t used = strlen(out);
    for (char *at = part->data; at && *at; at++)
        if (*at == '/') *at = '|';
    snprintf(out + used, GF_STAGE_PATH - used, "%s%s", before, part->data ? part->data : "");
    gf_text_release(part);
}

void gf_cli_stage_path(char out[GF_STAGE_PATH], const gf_stage_row *rows, int row, int threads)
{
    gf_text part = { 0 };
    out[0] = '\0';
    append_model(&part, rows[row].options);
    append_clean(out, &part, "");
    append_kind(&part, &rows[row]);
    append_clean(out, &part, "/");
    append_setting(&part, &rows[row], threads);
    append_before(&part, rows, row);
    append_clean(out, &part, "/");
}

static int by_path(const void *a, const void *b)
{
    const gf_stage_class *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : x->row - y->row;
}

/* Model and kind: up to the second '/'. */
static size_t group_size(const char *path)
{
    size_t model = strcspn(path, "/");
    return path[model] ? model + 1 + strcspn(path + model + 1, "/") : model;
}

gf_status gf_cli_stage_classes(gf_stage_class **classes, int *groups, const gf_stage_row *rows,
                               int count, int threads)
{
    gf_status status = GF_OK;
    int group = 0;
    gf_stage_class *list = gf_alloc((size_t)count, sizeof *list);
    GF_TRY_ALLOC(list);
    for (int i = 0; i < count; i++) {
        list[i].row = i;
        gf_cli_stage_path(list[i].path, rows, i, threads);
    }
    qsort(list, (size_t)count, sizeof *list, by_path);
    for (int i = 0; i < count; i++) {
        size_t size = group_size(list[i].path);
        group += i > 0 && (size != group_size(list[i - 1].path) ||
                           memcmp(list[i].path, list[i - 1].path, size) != 0);
        groups[list[i].row] = group;
    }
    *classes = list;
out:
    return status;
}
