/* The `train` and `finetune` groups of a sweep file, and reading them. Methods that train take the
 * same keys; what they do not name takes the defaults of `train`. */
#include "trainer.h"

#include <stdlib.h>
#include <string.h>

#define TRAIN_FIELDS(epochs_, lr_)                                                                 \
    GF_FIELD(gf_train_options, epochs, epochs_, "[1, 100000]", "epochs", "how long"),              \
        GF_FIELD(gf_train_options, batch, "128", "[2, 8192]", "images", "per step"),               \
        GF_FIELD(gf_train_options, lr, lr_, "(0, 100]", "", "base learning rate"),                 \
        GF_FIELD(gf_train_options, momentum, "0.9", "[0, 1)", "", "of SGD"),                       \
        GF_FIELD(gf_train_options, nesterov, "true", NULL, "", "Nesterov's momentum"),             \
        GF_FIELD(gf_train_options, weight_decay, "0.0005", "[0, 1]", "",                           \
                 "of convolution and fully connected weights"),                                    \
        GF_FIELD_WORD(gf_train_options, decay, "coupled", "coupled|decoupled",                     \
                      "decay inside the gradient, or beside it (AdamW's way)"),                    \
        GF_FIELD(gf_train_options, label_smoothing, "0", "[0, 1)", "fraction",                     \
                 "of the target spread over all classes"),                                         \
        GF_FIELD(gf_train_options, ema, "0", "[0, 1)", "",                                         \
                 "decay of the weights' moving average, used at the end; 0: off"),                 \
        GF_FIELD_WORD(gf_train_options, numerics, "f32", GF_NUMERICS_WORDS, GF_NUMERICS_HELP),     \
        GF_FIELD_END

static const gf_field train_fields[] = { TRAIN_FIELDS("30", "0.1") };
static const gf_field finetune_fields[] = { TRAIN_FIELDS("5", "0.01") };

static const gf_field warmup_fields[] = {
    GF_FIELD(gf_train_options, warmup, "0", "[0, 1000]", "epochs", "of linear rise before it"),
    GF_FIELD_END,
};

static const gf_field after_fields[] = {
    GF_FIELD(gf_train_options, after, "0", "[0, 100000]", "epochs", "of the schedule are over"),
    GF_FIELD_END,
};

static const gf_field lookahead_fields[] = {
    GF_FIELD(gf_train_options, lookahead, "0", "[0, 100000]", "steps",
             "between two syntheses of Lookahead (1907.08610: 5 or 10); 0: off"),
    GF_FIELD(gf_train_options, alpha, "0.5", "(0, 1]", "",
             "Lookahead's: how far slow weights follow"),
    GF_FIELD_END,
};

const gf_slot gf_train_slots[] = {
    { .name = "schedule",
      .selector = "policy",
      .fallback = "cosine",
      .common = warmup_fields,
      .variants = gf_schedule_schemas },
    { .name = "optimizer",
      .selector = "method",
      .fallback = "sgd",
      .common = lookahead_fields,
      .variants = gf_optimizer_schemas,
      .late = true },
    { .name = "augment", .list = true, .fallback = "", .variants = gf_augment_schemas },
    { 0 },
};

const gf_schema gf_train_schema = {
    .name = "train",
    .summary = "train the network as it is",
    .fields = train_fields,
    .slots = gf_train_slots,
};
const gf_schema gf_finetune_schema = {
    .name = "finetune",
    .summary = "train on after a compression, with a small rate",
    .fields = finetune_fields,
    .slots = gf_train_slots,
};

/* Every train field: as given, else the schema's default, else that of `train`. */
static gf_status resolve(gf_options *out, const gf_train_job *job)
{
    gf_status status = GF_OK;
    for (const gf_field *field = train_fields; field->name; field++) {
        char key[96];
        snprintf(key, sizeof key, "%s%s", job->prefix, field->name);
        const gf_field *own = job->schema ? gf_field_find(job->schema->fields, field->name) : NULL;
        const char *text = gf_options_get(job->options, key);
        if (!text) text = own && own->fallback ? own->fallback : field->fallback;
        GF_TRY(gf_options_set(out, field->name, text));
    }
out:
    return status;
}

gf_status gf_train_options_read(gf_train_options *options, const gf_train_job *job)
{
    gf_status status;
    char prefix[96];
    gf_options *resolved = gf_options_create();
    GF_TRY_ALLOC(resolved);
    GF_TRY(resolve(resolved, job));
    GF_TRY(gf_fields_read(options, train_fields, resolved, ""));
    GF_TRY(gf_fields_read(options, after_fields, job->options, job->prefix));
    snprintf(prefix, sizeof prefix, "%sschedule.", job->prefix);
    GF_TRY(gf_fields_read(options, warmup_fields, job->options, prefix));
    snprintf(prefix, sizeof prefix, "%soptimizer.", job->prefix);
    GF_TRY(gf_fields_read(options, lookahead_fields, job->options, prefix));
out:
    gf_options_destroy(resolved);
    return status;
}

gf_status gf_train_check(const gf_options *options, const char *prefix, const gf_schema *schema)
{
    gf_status status;
    const gf_train_job job = { .options = options, .prefix = prefix, .schema = schema };
    gf_train_options read;
    gf_schedule schedule = { 0 };
    gf_optimizer optimizer = { 0 };
    gf_augment_chain *chain = NULL;
    GF_TRY(gf_train_options_read(&read, &job));
    GF_TRY(gf_schedule_init(&schedule, &job, &read));
    GF_TRY(gf_optimizer_init(&optimizer, &job));
    GF_TRY(gf_augment_chain_create(&chain, options, prefix));
out:
    gf_augment_chain_destroy(chain);
    gf_optimizer_release(&optimizer);
    gf_schedule_release(&schedule);
    return status;
}
