/* Where the images lie. "auto" looks in a fixed list of places; what is not found says where it
 * looked and what to do. A path is in no key and in the tables of a study for good: where a named
 * folder has gone, the environment says where it is now. */
#include "data.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "cifar-10-batches-bin"
#define SAMPLE "cifar10-sample.h5"

typedef struct search {
    char *out;
    size_t size;
    gf_text looked;
    bool found;
} search;

static void look(search *s, bool (*is_there)(const char *), const char *format, ...)
    GF_PRINTF(3, 4);
static void look(search *s, bool (*is_there)(const char *), const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    if (s->found) return;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    gf_text_append(&s->looked, "%s%s", s->looked.size ? ", " : "", path);
    if (is_there(path) && strlen(path) < s->size) {
        snprintf(s->out, s->size, "%s", path);
        s->found = true;
    }
}

/* A folder that somebody named: the files may stand in it, or in the archive's folder within. */
static void look_in(search *s, const char *folder)
{
    if (!folder || !*folder) return;
    look(s, gf_cifar_is_there, "%s", folder);
    look(s, gf_cifar_is_there, "%s/" FOLDER, folder);
}

static void look_for_cifar(search *s)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    look_in(s, getenv("GRIDFRONT_DATA"));
    if (cache) look(s, gf_cifar_is_there, "%s/" FOLDER, cache);
    if (home) look(s, gf_cifar_is_there, "%s/.cache/" FOLDER, home);
    look_in(s, "./data");
    look_in(s, "/opt/img/effdl-cifar10");
}

/* The folder of this program, without a slash at its end. */
static bool program_folder(char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (size <= 0) return false;
    out[size] = '\0';
    char *slash = strrchr(out, '/');
    if (slash) *slash = '\0';
    return slash != NULL;
}

/* The file itself, or the folder that it stands in. */
static void look_at_sample(search *s, const char *named)
{
    if (!named || !*named) return;
    look(s, gf_file_exists, "%s/" SAMPLE, named);
    look(s, gf_file_exists, "%s", named);
}

static void look_for_sample(search *s)
{
    char program[PATH_MAX];
    look_at_sample(s, getenv("GRIDFRONT_SAMPLE"));
    look(s, gf_file_exists, "sweeps/data/" SAMPLE);
    if (!program_folder(program)) return;
    look(s, gf_file_exists, "%s/../sweeps/data/" SAMPLE, program);
    look(s, gf_file_exists, "%s/../../sweeps/data/" SAMPLE, program);
    look(s, gf_file_exists, "%s/../../../../sweeps/data/" SAMPLE, program);
    look(s, gf_file_exists, "%s/../share/gridfront/sweeps/data/" SAMPLE, program);
}

gf_status gf_data_find(char *out, size_t size, const gf_data_options *options)
{
    gf_status status = GF_OK;
    search s = { .out = out, .size = size };
    bool sample = options->dataset == GF_DATASET_SAMPLE;
    bool automatic = strcmp(options->path, "auto") == 0;
    if (sample && automatic) {
        look_for_sample(&s);
    } else if (sample) {
        look_at_sample(&s, options->path);
        look_at_sample(&s, getenv("GRIDFRONT_SAMPLE"));
    } else if (automatic) {
        look_for_cifar(&s);
    } else {
        look_in(&s, options->path);
        look_in(&s, getenv("GRIDFRONT_DATA"));
    }
    if (!s.found)
        status =
            gf_fail(GF_NOTFOUND, "%s: not found; looked in %s. %s",
                    sample ? "the embedded images" : "CIFAR-10", s.looked.data ? s.looked.data : "",
                    sample ? "Set data.path or GRIDFRONT_SAMPLE."
                           : "'make data' downloads it; or set data.path or GRIDFRONT_DATA.");
    gf_text_release(&s.looked);
    return status;
}
