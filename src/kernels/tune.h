/* The measured plan: how much work the convolutions cut off at a time. A *knob* is one pass of one
 * shape on one number of threads; its *grain* is a percentage of what the formula of the kernel
 * would take (tiles of a block, images of an item), out of a short list. Only what changes no bit
 * may depend on it. Private to this room; kernels.h has what others see. */
#ifndef GRIDFRONT_KERNELS_TUNE_H
#define GRIDFRONT_KERNELS_TUNE_H

#include <gridfront/kernels.h>

#include <limits.h>

enum {
    GF_TUNE_VERSION = 1,   /* raise when kernels are cut in another way: old files are left alone */
    GF_TUNE_MAX = 512,     /* choices in a plan; more are not kept */
    GF_TUNE_DEFAULT = 100, /* the formula's own */
    GF_TUNE_GRAINS = 5
};
extern const int gf_tune_grains[GF_TUNE_GRAINS]; /* the default first */

typedef enum gf_pass {
    GF_PASS_FORWARD,
    GF_PASS_BACKWARD_INPUT,
    GF_PASS_BACKWARD_WEIGHT,
    GF_PASS_COUNT
} gf_pass;

typedef struct gf_knob {
    int pass, threads; /* a gf_pass; at most */
    gf_conv_shape shape;
} gf_knob;

typedef struct gf_choice {
    gf_knob knob;
    int grain;
} gf_choice;

/* Zero-initialize. */
typedef struct gf_tuning {
    int count;
    gf_choice choices[GF_TUNE_MAX];
} gf_tuning;
int gf_tuning_find(const gf_tuning *tuning, const gf_knob *knob); /* a grain; 0: not there */
/* Adds or replaces; ignored when full. */
void gf_tuning_put(gf_tuning *tuning, const gf_knob *knob, int grain);

/* What kernels ask: the grain of a pass on the threads that there are. */
int gf_tune_grain(gf_pass pass, const gf_conv_shape *shape);
int gf_tune_scale(int count, int grain); /* count in this grain; at least 1 */
/* The plan of this process, which gf_tune_grain looks into. Changed only between calls of kernels:
 * at start, while measuring, by tests. */
gf_tuning *gf_tune_plan(void);
/* Reads the plan from the user's cache, where there is one and GRIDFRONT_TUNE is not "off". */
void gf_tune_start(void);

/* ---- its file: one line a choice; whatever is not exactly such a line is ignored ---- */

/* NOTFOUND where the user has no folder for caches; UNSUPPORTED with GRIDFRONT_TUNE=off. */
gf_status gf_tune_path(char out[PATH_MAX]);
/* Adds the choices of the file; a file of another CPU or version is CORRUPT. */
gf_status gf_tune_load(gf_tuning *tuning, const char *path);
/* Adds the choices to those that the file holds by now. Two writers in the same instant may lose
 * one's lines: they are measured again some day. */
gf_status gf_tune_save(const gf_tuning *fresh, const char *path);

#endif
