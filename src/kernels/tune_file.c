/* The measured plan in the user's cache folder: a text that people can read, named by the CPU, the
 * instruction set and the version of the cut. Whoever can write there could plant anything, so
 * lengths are bounded, a line counts only if it is what we would have written ourselves, and a
 * grain only if it is one of ours. */
#include "tune.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 18, LINE_LIMIT = 200 };

static const char *const pass_names[GF_PASS_COUNT] = { "forward", "input", "weight" };

/* ---- where ---- */

/* The name of the plan and its first line: "tuning-1-avx512-intel-r-xeon-r-processor". */
static gf_status plan_name(char out[128])
{
    char cpu[GF_CPU_SLUG];
    const gf_kernels *kernels = NULL;
    gf_status status;
    GF_TRY(gf_kernels_get(&kernels));
    gf_cpu_slug(cpu);
    snprintf(out, 128, "tuning-%d-%s-%s", GF_TUNE_VERSION, kernels->name, cpu);
out:
    return status;
}

gf_status gf_tune_path(char out[PATH_MAX])
{
    gf_status status;
    char name[128], file[160];
    const char *off = getenv("GRIDFRONT_TUNE");
    if (off && strcmp(off, "off") == 0) return gf_fail(GF_UNSUPPORTED, "GRIDFRONT_TUNE is off");
    GF_TRY(plan_name(name));
    snprintf(file, sizeof file, "%s.txt", name);
    GF_TRY(gf_cache_path(out, file));
out:
    return status;
}

/* ---- lines ---- */

static void choice_line(char out[LINE_LIMIT], const gf_choice *choice)
{
    const gf_conv_shape *s = &choice->knob.shape;
    snprintf(out, LINE_LIMIT,
             "%s threads %d batch %d image %dx%dx%d filters %d kernel %dx%d stride %d pad %dx%d "
             "groups %d: grain %d%%",
             pass_names[choice->knob.pass], choice->knob.threads, s->batch, s->height, s->width,
             s->channels, s->filters, s->kernel_height, s->kernel_width, s->stride, s->pad_height,
             s->pad_width, s->groups, choice->grain);
}

static bool is_grain(int value)
{
    for (int i = 0; i < GF_TUNE_GRAINS; i++)
        if (gf_tune_grains[i] == value) return true;
    return false;
}

static bool find_pass(int *pass, const char *name)
{
    for (*pass = 0; *pass < GF_PASS_COUNT; ++*pass)
        if (strcmp(pass_names[*pass], name) == 0) return true;
    return false;
}

/* Numbers have at most 6 digits; a sign, a leading zero or a word too many shows when the line is
 * written again. */
static bool read_line(gf_choice *choice, const char *line)
{
    char pass[16], again[LINE_LIMIT];
    gf_choice c = { 0 };
    gf_conv_shape *s = &c.knob.shape;
    int found = sscanf(line,
                       "%15s threads %6d batch %6d image %6dx%6dx%6d filters %6d kernel %6dx%6d "
                       "stride %6d pad %6dx%6d groups %6d: grain %6d",
                       pass, &c.knob.threads, &s->batch, &s->height, &s->width, &s->channels,
                       &s->filters, &s->kernel_height, &s->kernel_width, &s->stride, &s->pad_height,
                       &s->pad_width, &s->groups, &c.grain);
    if (found != 14 || !find_pass(&c.knob.pass, pass) || !is_grain(c.grain)) return false;
    if (s->stride < 1) return false;
    choice_line(again, &c);
    if (strcmp(line, again) != 0) return false;
    gf_conv_shape_finish(s);
    *choice = c;
    return true;
}

/* ---- files ---- */

gf_status gf_tune_load(gf_tuning *tuning, const char *path)
{
    gf_status status;
    char *text = NULL, *rest, name[128];
    size_t size;
    gf_choice choice;
    GF_TRY(plan_name(name));
    GF_TRY(gf_file_read(&text, &size, path, FILE_LIMIT));
    const char *line = strtok_r(text, "\n", &rest);
    if (!line || strcmp(line, name) != 0) {
        status = gf_fail(GF_CORRUPT, "%s: not a plan for %s", path, name);
        goto out;
    }
    while ((line = strtok_r(NULL, "\n", &rest)))
        if (read_line(&choice, line)) gf_tuning_put(tuning, &choice.knob, choice.grain);
out:
    free(text);
    return status;
}

static gf_status make_folder_of(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = '\0';
    return gf_folder_make(folder);
}

static gf_status write_plan(const gf_tuning *tuning, const char *path)
{
    gf_status status;
    gf_text text = { 0 };
    char line[LINE_LIMIT], name[128];
    GF_TRY(plan_name(name));
    gf_text_append(&text, "%s\n", name);
    for (int i = 0; i < tuning->count; i++) {
        choice_line(line, &tuning->choices[i]);
        gf_text_append(&text, "%s\n", line);
    }
    GF_TRY(gf_text_check(&text));
    GF_TRY(gf_file_write(path, text.data, text.size));
out:
    gf_text_release(&text);
    return status;
}

gf_status gf_tune_save(const gf_tuning *fresh, const char *path)
{
    gf_status status;
    gf_tuning *all = gf_alloc(1, sizeof *all);
    GF_TRY_ALLOC(all);
    GF_TRY(make_folder_of(path));
    status = gf_tune_load(all, path); /* what is no plan is replaced by one */
    for (int i = 0; i < fresh->count; i++)
        gf_tuning_put(all, &fresh->choices[i].knob, fresh->choices[i].grain);
    GF_TRY(write_plan(all, path));
out:
    free(all);
    return status;
}

void gf_tune_describe(gf_text *out)
{
    char path[PATH_MAX];
    gf_tuning *there = gf_alloc(1, sizeof *there);
    gf_status status = gf_tune_path(path);
    if (status == GF_OK && there && gf_tune_load(there, path) == GF_OK)
        gf_text_append(out, "%d measured choices in %s", there->count, path);
    else if (status == GF_OK)
        gf_text_append(out, "nothing measured yet (%s)", path);
    else
        gf_text_append(out, "none: %s", gf_error_message());
    gf_error_clear();
    free(there);
}
