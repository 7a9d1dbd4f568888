/* A small training on the embedded images, and what its hooks were told. */
#ifndef GRIDFRONT_TESTS_TRAIN_FIXTURE_H
#define GRIDFRONT_TESTS_TRAIN_FIXTURE_H

#include "../test.h"

#include <gridfront/nn.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64 };

typedef struct fixture {
    const gf_data *data; /* shared by all tests */
    gf_net *net;
    const gf_kernels *kernels;
    gf_options *options;
    gf_artifact saved; /* the newest checkpoint */
    int saves;
    int stop_after; /* steps; 0: never */
    int steps;
    gf_epoch_row rows[ROWS];
    int row_count;
} fixture;

static inline void fixture_release(fixture *f)
{
    gf_net_destroy(f->net);
    gf_options_destroy(f->options);
    gf_artifact_release(&f->saved);
}

/* Each split is opened once: unpacking the images takes longer than most trainings here. */
static inline const gf_data *data_of(int images, int validation)
{
    static struct {
        gf_data *data;
        int images, validation;
    } opened[16];
    int i = 0;
    while (opened[i].data && (opened[i].images != images || opened[i].validation != validation))
        i++;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = validation, .images = images
    };
    if (i + 1 < (int)GF_COUNT(opened) && !opened[i].data &&
        gf_test_status(gf_data_open(&opened[i].data, &options), GF_OK, "data", __FILE__,
                       __LINE__)) {
        opened[i].images = images;
        opened[i].validation = validation;
    }
    return opened[i].data;
}

/* Data and options, no network yet. */
static inline bool fixture_open(fixture *f, const char *options, int images, int validation)
{
    *f = (fixture){ .data = data_of(images, validation) };
    return f->data &&
           gf_test_status(gf_kernels_get(&f->kernels), GF_OK, "kernels", __FILE__, __LINE__) &&
           gf_options_parse(&f->options, options) == GF_OK;
}

/* With a ResNet that is small enough to learn within seconds. */
static inline bool fixture_init(fixture *f, const char *options, int images)
{
    gf_options *model = NULL;
    bool good =
        fixture_open(f, options, images, 200) &&
        gf_options_parse(&model, "arch = resnet18\nwidth = 8\nblocks = 1,1,1,1\n") == GF_OK &&
        gf_model_build(&f->net, model, "", (gf_shape){ 32, 32, 3 }, 10) == GF_OK;
    if (good) gf_net_initialize(f->net, 1, 0);
    gf_options_destroy(model);
    return good;
}

/* With ten linear classifiers of the mean colour: small enough to be computed by hand. */
static inline bool fixture_linear(fixture *f, const char *options, int images, int validation)
{
    const gf_linear_attributes classes = { .features = 10, .bias = true };
    int at = 0;
    bool good = fixture_open(f, options, images, validation) &&
                gf_net_create(&f->net, (gf_shape){ 32, 32, 3 }) == GF_OK &&
                gf_net_add(f->net, &at, "mean_pool", "pool", NULL, &at, 1) == GF_OK &&
                gf_net_add(f->net, &at, "linear", "fc", &classes, &at, 1) == GF_OK;
    if (good) gf_net_initialize(f->net, 1, 0);
    return good;
}

static inline gf_status on_epoch(void *context, const gf_epoch_row *row)
{
    fixture *f = context;
    if (f->row_count < ROWS) f->rows[f->row_count++] = *row;
    return GF_OK;
}

static inline bool on_stop(void *context, double share)
{
    fixture *f = context;
    (void)share;
    return ++f->steps == f->stop_after;
}

/* Through a file, as a stage does it. */
static inline gf_status on_save(void *context, const gf_artifact *state)
{
    fixture *f = context;
    char path[600];
    gf_artifact_release(&f->saved);
    f->saved = (gf_artifact){ 0 };
    f->saves++;
    snprintf(path, sizeof path, "%s/state.h5", test_folder());
    gf_status status = gf_artifact_save(path, state);
    return status == GF_OK ? gf_artifact_load(&f->saved, path) : status;
}

static inline gf_train_job job_of(fixture *f, const gf_artifact *resume)
{
    return (gf_train_job){
        .net = f->net,
        .data = f->data,
        .kernels = f->kernels,
        .options = f->options,
        .prefix = "",
        .schema = &gf_train_schema,
        .seed = 7,
        .resume = resume,
        .hooks = { .context = f, .epoch = on_epoch, .stop = on_stop, .save = on_save },
    };
}

static inline gf_status run(fixture *f, const gf_artifact *resume)
{
    const gf_train_job job = job_of(f, resume);
    return gf_train(&job);
}

/* Content of the trained network. */
static inline gf_key net_key(const gf_net *net)
{
    gf_artifact artifact = { 0 };
    gf_key key = { "" };
    if (gf_net_save(net, &artifact) == GF_OK) key = gf_artifact_hash(&artifact);
    gf_artifact_release(&artifact);
    return key;
}

#endif
