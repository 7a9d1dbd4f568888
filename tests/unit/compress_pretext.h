/* What the tests of pretext tasks share: a training on a task alone, and what a method may touch.
 */
#ifndef GRIDFRONT_TESTS_COMPRESS_PRETEXT_H
#define GRIDFRONT_TESTS_COMPRESS_PRETEXT_H

#include "compress_trained.h"
#include "train_fixture.h"

#include "../../src/compress/pretext/pretext.h"

#define ONE_EPOCH "epochs = 1\nbatch = 50\nlr = 0.05\n"

/* Trains a network whose classes are the task's answers on it; f is open, its network is made. */
static inline gf_status train_task(fixture *f, const gf_pretext *task, int classes)
{
    gf_status status;
    gf_options *model = NULL;
    GF_TRY(gf_options_parse(&model, SMALL));
    GF_TRY(gf_model_build(&f->net, model, "", (gf_shape){ 32, 32, 3 }, classes));
    gf_net_initialize(f->net, 1, 0);
    gf_train_job job = job_of(f, NULL);
    job.task = task;
    GF_TRY(gf_train(&job));
out:
    gf_options_destroy(model);
    return status;
}

static inline bool same_values(const gf_param *a, const gf_param *b)
{
    return strcmp(a->name, b->name) == 0 &&
           memcmp(a->value, b->value, gf_param_count(a) * sizeof *a->value) == 0;
}

/* How many parameters of `name`'s node differ, and how many others. */
static inline void count_changed(int *inside, int *outside, const gf_net *net, const gf_net *before,
                                 const char *name)
{
    *inside = *outside = 0;
    REQUIRE(net->param_count == before->param_count && net->node_count == before->node_count);
    for (int i = 0; i < net->param_count; i++) {
        bool changed = !same_values(&net->params[i], &before->params[i]);
        EXPECT_EQ(net->params[i].trainable, before->params[i].trainable);
        *(strncmp(net->params[i].name, name, strlen(name)) == 0 ? inside : outside) += changed;
    }
    for (int n = 0; n < net->node_count; n++)
        EXPECT_EQ(net->nodes[n].frozen, before->nodes[n].frozen);
}

/* On networks whose classifiers differ. */
static inline void expect_only_trunk_learns(const char *method)
{
    static const char *const models[] = { SMALL, "arch = squeezenet\nwidth = 0.25\n",
                                          "arch = mobilenet-v2\nwidth = 0.25\n" };
    static const char *const classifiers[] = { "fc.", "conv10", "fc." };
    for (size_t m = 0; m < GF_COUNT(models); m++) {
        gf_net *net = small_net(models[m], 32), *before = small_net(models[m], 32);
        int inside, outside;
        REQUIRE_OK(apply_method(net, method, ONE_EPOCH, data_of(300, 100), NULL, 0));
        const gf_node *classifier = &net->nodes[gf_classifier_find(net)];
        EXPECT(m == 1 || strncmp(classifier->name, classifiers[m], 2) == 0);
        count_changed(&inside, &outside, net, before, classifier->name);
        EXPECT(inside == 0 && outside > 10);
        gf_net_destroy(net);
        gf_net_destroy(before);
    }
}

#endif
