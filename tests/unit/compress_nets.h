/* Small networks with BN that does something, for the tests of compression. */
#ifndef GRIDFRONT_TESTS_COMPRESS_NETS_H
#define GRIDFRONT_TESTS_COMPRESS_NETS_H

#include "../test.h"

#include <gridfront/method.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL  "arch = resnet18\nwidth = 8\nblocks = 1,1\n"
#define IMAGES 6

static inline double test_random(uint32_t a, uint32_t b)
{
    const gf_random random = { .seed = 11, .purpose = GF_PURPOSE_TEST };
    return 2 * gf_random_uniform(&random, a, b) - 1; /* [-1, 1) */
}

/* BN as after a training: scales of both signs, shifts, statistics. */
static inline void perturb_bn(gf_net *net)
{
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        for (size_t k = 0; k < gf_param_count(p); k++) {
            double r = test_random((uint32_t)i, (uint32_t)k);
            if (p->role == GF_ROLE_GAMMA) p->value[k] = (gf_real)(r < -0.7 ? r : 1 + 0.4 * r);
            if (p->role == GF_ROLE_BETA || p->role == GF_ROLE_MEAN) p->value[k] = (gf_real)(r / 3);
            if (p->role == GF_ROLE_VARIANCE) p->value[k] = (gf_real)(0.6 + 0.5 * r);
        }
    }
}

static inline gf_net *small_net(const char *model, int size)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    if (gf_options_parse(&options, model) == GF_OK)
        gf_test_status(gf_model_build(&net, options, "", (gf_shape){ size, size, 3 }, 10), GF_OK,
                       model, __FILE__, __LINE__);
    gf_options_destroy(options);
    if (!net) return NULL;
    gf_net_initialize(net, 3, 0);
    perturb_bn(net);
    return net;
}

static inline const gf_kernels *test_kernels(void)
{
    const gf_kernels *kernels = NULL;
    gf_kernels_get(&kernels);
    return kernels;
}

/* [IMAGES, 10] logits of the same random images; the caller frees. */
static inline gf_real *logits_in(gf_net *net, gf_mode mode)
{
    gf_run *run = NULL;
    gf_real *out = NULL;
    if (!gf_test_status(gf_run_create(&run, net, test_kernels(), IMAGES, false), GF_OK, "run",
                        __FILE__, __LINE__))
        return NULL;
    size_t count = IMAGES * gf_shape_count(net->nodes[0].shape);
    for (size_t i = 0; i < count; i++)
        gf_run_input(run)[i] = (gf_real)(2 * test_random(77, (uint32_t)i));
    gf_run_forward(run, IMAGES, mode, NULL);
    out = gf_alloc(IMAGES * 10, sizeof *out);
    memcpy(out, gf_run_logits(run), IMAGES * 10 * sizeof *out);
    gf_run_destroy(run);
    return out;
}

static inline gf_real *logits_of(gf_net *net)
{
    return logits_in(net, GF_MODE_EVALUATE);
}

/* Largest difference as a fraction of the largest logit. */
static inline double difference(const gf_real *a, const gf_real *b)
{
    double worst = 0, most = 0;
    for (int i = 0; i < IMAGES * 10; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        most = fmax(most, fabs((double)b[i]));
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
    }
    return worst / most;
}

static inline const gf_method *method_named(const char *name)
{
    for (const gf_method *const *method = gf_methods; *method; method++)
        if (strcmp((*method)->schema.name, name) == 0) return *method;
    return NULL;
}

/* Applies a method with these options. data and teachers may be NULL. */
static inline gf_status apply_method(gf_net *net, const char *name, const char *text,
                                     const gf_data *data, gf_net *const *teachers,
                                     int teacher_count)
{
    gf_status status;
    gf_options *options = NULL;
    const gf_method *method = method_named(name);
    void *record = gf_alloc(1, method->options_size);
    GF_TRY_ALLOC(record);
    GF_TRY(gf_options_parse(&options, text));
    GF_TRY(gf_fields_read(record, method->schema.fields, options, ""));
    const gf_method_call call = { .net = net,
                                  .data = data,
                                  .kernels = test_kernels(),
                                  .options = options,
                                  .seed = 5,
                                  .ordinal = 1,
                                  .teachers = teachers,
                                  .teacher_count = teacher_count };
    GF_TRY(method->apply(&call, record));
out:
    gf_options_destroy(options);
    free(record);
    return status;
}

static inline gf_cost cost_of(const gf_net *net)
{
    gf_cost cost = { 0 };
    gf_net_cost(net, test_kernels(), &cost, NULL);
    return cost;
}

/* Filters, their biases, BN's scale and shift: what makes a channel, set to zero. */
static inline void switch_off(gf_net *net, const gf_channel_group *group, int channel)
{
    for (int i = 0; i < group->slice_count; i++) {
        const gf_channel_slice *slice = &group->slices[i];
        gf_param *p = &net->params[slice->param];
        size_t size = gf_param_count(p) / (size_t)p->dims[0];
        if (slice->axis != 0 || p->role == GF_ROLE_VARIANCE) continue;
        memset(p->value + (size_t)(slice->first + channel) * size, 0, size * sizeof *p->value);
    }
}

#endif
