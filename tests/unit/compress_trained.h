/* A small network trained on real images, for the tests of methods that only show there. */
#ifndef GRIDFRONT_TESTS_COMPRESS_TRAINED_H
#define GRIDFRONT_TESTS_COMPRESS_TRAINED_H

#include "compress_nets.h"

static inline const gf_data *images_of(void)
{
    static gf_data *data;
    const gf_data_options options = {
        .dataset = 1, .path = "auto", .validation = 100, .images = 1300
    };
    if (!data) gf_test_status(gf_data_open(&data, &options), GF_OK, "data", __FILE__, __LINE__);
    return data;
}

static inline void train_net(gf_net *net, const char *text)
{
    gf_options *options = NULL;
    EXPECT_STATUS(gf_options_parse(&options, text), GF_OK);
    const gf_train_job job = { .net = net,
                               .data = images_of(),
                               .kernels = test_kernels(),
                               .options = options,
                               .prefix = "",
                               .schema = &gf_train_schema,
                               .seed = 1 };
    EXPECT_STATUS(gf_train(&job), GF_OK);
    gf_options_destroy(options);
}

/* A copy of one network that all tests share; the caller destroys it. */
static inline gf_net *trained_net(void)
{
    static gf_net *trained;
    gf_net *copy = NULL;
    if (!trained) {
        trained = small_net(SMALL, 32);
        gf_net_initialize(trained, 1, 0);
        train_net(trained, "epochs = 4\nbatch = 50\nlr = 0.1\n");
    }
    gf_net_copy(&copy, trained);
    return copy;
}

static inline double accuracy(gf_net *net)
{
    gf_scores scores = { 0 };
    EXPECT_STATUS(gf_evaluate(&scores, net, images_of(), GF_TEST, test_kernels()), GF_OK);
    return scores.accuracy;
}

static inline double accuracy_after(const char *method, const char *options)
{
    gf_net *net = trained_net();
    double result = NAN;
    if (net && gf_test_status(apply_method(net, method, options, images_of(), NULL, 0), GF_OK,
                              method, __FILE__, __LINE__))
        result = accuracy(net);
    gf_net_destroy(net);
    return result;
}

#endif
