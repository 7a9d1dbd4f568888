/* A small schema for tests of the sweep room: the shape of the real one, none of its meaning. */
#ifndef GRIDFRONT_TESTS_SWEEP_SCHEMA_H
#define GRIDFRONT_TESTS_SWEEP_SCHEMA_H

#include <gridfront/sweep.h>

#include <stdlib.h>
#include <string.h>

typedef struct fake {
    int a, b, c, choice;
    double x, y;
    bool flag;
    char text[64];
} fake;

static const gf_field data_fields[] = {
    { "dataset", GF_FIELD_CHOICE, offsetof(fake, choice), sizeof(int), "cifar10", "cifar10|sample",
      "", "which images" },
    GF_FIELD_AS("path", fake, text, "auto", NULL, "path", "where they are"),
    GF_FIELD_AS("validation", fake, a, "5000", "[0, 50000)", "images", "taken out of training"),
    GF_FIELD_AS("images", fake, b, "0", "[0, inf)", "images", "0: all"),
    GF_FIELD_END
};
static const gf_schema data_schema = { .name = "data", .fields = data_fields };

static const gf_field model_fields[] = {
    GF_FIELD_AS("arch", fake, text, "resnet18", NULL, "", "architecture"),
    GF_FIELD_AS("width", fake, a, "64", "[1, 1024]", "channels", "of the first stage"),
    GF_FIELD_AS("blocks", fake, text, "2,2,2,2", NULL, "", "per stage"),
    GF_FIELD_AS("bn", fake, flag, "true", NULL, "", "batch normalization"),
    GF_FIELD_AS("dropout", fake, x, "0", "[0, 1)", "fraction", "of the features"),
    GF_FIELD_END
};
static const gf_schema model_schema = { .name = "model", .fields = model_fields };

static const gf_field no_fields[] = { GF_FIELD_END };
static const gf_field step_fields[] = {
    GF_FIELD_AS("every", fake, a, NULL, "[1, inf)", "epochs", "between steps"),
    GF_FIELD_AS("factor", fake, x, "0.1", "(0, 1)", "", "of each step"), GF_FIELD_END
};
static const gf_field schedule_common[] = {
    GF_FIELD_AS("warmup", fake, x, "0", "[0, inf)", "epochs", "rising from 0"), GF_FIELD_END
};
static const gf_schema constant_schema = { .name = "constant", .fields = no_fields };
static const gf_schema cosine_schema = { .name = "cosine", .fields = no_fields };
static const gf_schema step_schema = { .name = "step", .fields = step_fields };
static const gf_schema *const schedules[] = { &constant_schema, &cosine_schema, &step_schema,
                                              NULL };

static const gf_field adam_fields[] = { GF_FIELD_AS("beta", fake, x, "0.9", "[0, 1)", "", "decay"),
                                        GF_FIELD_END };
static const gf_field optimizer_common[] = {
    GF_FIELD_AS("lookahead", fake, a, "0", "[0, 100]", "steps", "between syntheses"), GF_FIELD_END
};
static const gf_schema sgd_schema = { .name = "sgd", .fields = no_fields };
static const gf_schema adam_schema = { .name = "adam", .fields = adam_fields };
static const gf_schema *const optimizers[] = { &sgd_schema, &adam_schema, NULL };

static const gf_field crop_fields[] = {
    GF_FIELD_AS("padding", fake, a, "4", "[0, 16]", "pixels", "on each side"), GF_FIELD_END
};
static const gf_field cutout_fields[] = {
    GF_FIELD_AS("size", fake, a, "16", "[1, 32]", "pixels", "of the hole"), GF_FIELD_END
};
static const gf_schema crop_schema = { .name = "crop", .fields = crop_fields };
static const gf_field flip_fields[] = {
    GF_FIELD_AS("alternate", fake, flag, "false", NULL, "", "by turns"), GF_FIELD_END
};
static const gf_schema flip_schema = { .name = "flip", .fields = flip_fields };
static const gf_schema cutout_schema = { .name = "cutout", .fields = cutout_fields };
static const gf_schema *const augments[] = { &crop_schema, &flip_schema, &cutout_schema, NULL };

static const gf_field train_fields[] = {
    GF_FIELD_AS("epochs", fake, a, "30", "[1, 100000]", "epochs", "horizon"),
    GF_FIELD_AS("batch", fake, b, "128", "[1, 65536]", "images", "per step"),
    GF_FIELD_AS("lr", fake, x, "0.1", "(0, inf)", "", "learning rate"),
    { "numerics", GF_FIELD_CHOICE, offsetof(fake, choice), sizeof(int), "f32", "f32|bf16", "",
      "of products" },
    GF_FIELD_END
};
static const gf_slot train_slots[] = {
    { .name = "schedule",
      .selector = "policy",
      .fallback = "cosine",
      .common = schedule_common,
      .variants = schedules },
    { .name = "optimizer",
      .selector = "method",
      .fallback = "sgd",
      .common = optimizer_common,
      .variants = optimizers,
      .late = true },
    { .name = "augment", .list = true, .fallback = "", .variants = augments },
    { .name = NULL }
};
static const gf_schema train_schema = { .name = "train",
                                        .fields = train_fields,
                                        .slots = train_slots };

static const gf_field finetune_fields[] = {
    GF_FIELD_AS("epochs", fake, a, "5", "[1, 100000]", "epochs", "horizon"),
    GF_FIELD_AS("lr", fake, x, "0.01", "(0, inf)", "", "learning rate"), GF_FIELD_END
};
static const gf_schema finetune_schema = { .name = "finetune", .fields = finetune_fields };

static const gf_field magnitude_fields[] = {
    GF_FIELD_AS("amount", fake, x, NULL, "[0, 1)", "fraction", "of the weights"),
    { "scope", GF_FIELD_CHOICE, offsetof(fake, choice), sizeof(int), "global", "global|local", "",
      "ranking" },
    GF_FIELD_END
};
static const gf_field filter_fields[] = {
    GF_FIELD_AS("amount", fake, x, NULL, "[0, 1)", "fraction", "of the filters"), GF_FIELD_END
};
static const gf_schema magnitude_schema = { .name = "magnitude", .fields = magnitude_fields };
/* A test raises its revision. */
static gf_schema filter_schema = { .name = "filter-l1", .fields = filter_fields };
static const gf_schema *const pruners[] = { &magnitude_schema, &filter_schema, NULL };
static const gf_slot prune_slots[] = { { .name = "", .selector = "method", .variants = pruners },
                                       { .name = NULL } };
static const gf_schema prune_schema = { .name = "prune", .slots = prune_slots };

static const gf_field qat_fields[] = {
    GF_FIELD_AS("weight_bits", fake, a, "8", "[1, 16]", "bits", "of weights"),
    GF_FIELD_AS("activation_bits", fake, b, "8", "[1, 16]", "bits", "of activations"),
    GF_FIELD_AS("epochs", fake, c, "3", "[1, 100000]", "epochs", "horizon"), GF_FIELD_END
};
static const gf_field ptq_fields[] = {
    GF_FIELD_AS("weight_bits", fake, a, "8", "[1, 16]", "bits", "of weights"), GF_FIELD_END
};
static const gf_schema qat_schema = { .name = "qat", .fields = qat_fields };
static const gf_schema ptq_schema = { .name = "ptq", .fields = ptq_fields };
static const gf_schema *const quantizers[] = { &qat_schema, &ptq_schema, NULL };
static const gf_slot quantize_slots[] = {
    { .name = "", .selector = "method", .fallback = "ptq", .variants = quantizers },
    { .name = NULL }
};
static const gf_schema quantize_schema = { .name = "quantize", .slots = quantize_slots };

static const gf_field distill_fields[] = {
    GF_FIELD_AS("teacher", fake, text, "parent", NULL, "", "who teaches"),
    GF_FIELD_AS("epochs", fake, a, "10", "[1, 100000]", "epochs", "horizon"),
    GF_FIELD_AS("temperature", fake, x, "4", "(0, inf)", "", "of both softmaxes"), GF_FIELD_END
};
static const gf_schema distill_schema = { .name = "distill", .fields = distill_fields };

static const gf_field resource_fields[] = {
    GF_FIELD_AS("threads", fake, a, "0", "[0, 1024]", "threads", "0: all"), GF_FIELD_END
};
static const gf_schema resource_schema = { .name = "resources", .fields = resource_fields };

static const gf_schema *const stage_schemas[] = { &train_schema,    &finetune_schema, &prune_schema,
                                                  &quantize_schema, &distill_schema,  NULL };
static const char *const metric_names[] = { "accuracy", "bytes", "macs", NULL };
static const bool metric_maximize[] = { true, false, false };

static inline int fake_epochs(const gf_stage_view *stage)
{
    const char *epochs = gf_options_get(stage->options, "epochs");
    return epochs ? atoi(epochs) : 0;
}

/* A chain must train before anything else. */
static inline gf_status fake_check_chain(const gf_options *data, const gf_options *model,
                                         const gf_stage_view *stages, int count, bool has_parent,
                                         int *at)
{
    (void)data, (void)model;
    if (has_parent || count == 0 || strcmp(stages[0].kind, "train") == 0) return GF_OK;
    *at = 0;
    return gf_fail(GF_INVALID, "comes before any stage that trains");
}

static const gf_field early_fields[] = {
    GF_FIELD_AS("first", fake, a, "1", "[1, 1000]", "epochs", "of the first rung"), GF_FIELD_END
};
static const gf_schema early_schema = { .name = "early_stopping", .fields = early_fields };

/* Trainings are cut after `first` and three times as many epochs. */
static inline int fake_rungs(int *rungs, const gf_options *early, const gf_stage_view *stage)
{
    int count = 0, first = atoi(gf_options_get(early, "first"));
    if (strcmp(stage->kind, "train") != 0) return 0;
    for (int rung = first; rung < fake_epochs(stage) && count < 2; rung *= 3) rungs[count++] = rung;
    return count;
}

static const gf_sweep_schema fake_schema = { .data = &data_schema,
                                             .model = &model_schema,
                                             .resources = &resource_schema,
                                             .stages = stage_schemas,
                                             .metrics = metric_names,
                                             .metric_maximize = metric_maximize,
                                             .check_chain = fake_check_chain,
                                             .epochs = fake_epochs,
                                             .early_stopping = &early_schema,
                                             .rungs = fake_rungs };

/* Writes a file into this program's folder; its path is valid until the next call. */
static inline const char *sweep_file(const char *folder, const char *name, const char *text)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return gf_file_write(path, text, strlen(text)) == GF_OK ? path : NULL;
}

#endif
