/* method.h: for authors of a compression method (compress, L4).
 *
 * A method is one file in src/compress/<family>/: its options, its functions, and at the end its
 * descriptor `const gf_method gf_method_<name>`, which registers it by being there. It touches a
 * network at four places and nowhere else: rewrite (net -> net), weight view, activation node,
 * loss term. src/compress/template.c is a method that does nothing: copy it. */
#ifndef GRIDFRONT_METHOD_H
#define GRIDFRONT_METHOD_H

#include <gridfront/nn.h>

/* What is true of a network so far in a chain. Methods declare what they need, refuse and add, so
 * that an order that cannot work is refused at plan time with a reason. */
typedef enum gf_fact {
    GF_FACT_TRAINED = 1 << 0,
    GF_FACT_SPARSE = 1 << 1, /* masked weights */
    GF_FACT_SHRUNK = 1 << 2, /* filters removed */
    GF_FACT_QUANTIZED_WEIGHTS = 1 << 3,
    GF_FACT_QUANTIZED_ACTIVATIONS = 1 << 4,
    GF_FACT_BN_FOLDED = 1 << 5,
    GF_FACT_BINARY_WEIGHTS = 1 << 6,
    GF_FACT_FACTORIZED = 1 << 7,    /* layers split in several */
    GF_FACT_SHARED_BLOCKS = 1 << 8, /* codes stand for several weights each */
    GF_FACT_SHIFTED = 1 << 9        /* kernels of one weight, wherever it stands in them */
} gf_fact;
const char *gf_fact_text(gf_fact fact); /* "quantized weights" */

typedef struct gf_method_call {
    gf_net *net; /* changed in place; on failure in any state */
    const gf_data *data;
    const gf_kernels *kernels;
    const gf_options *options; /* the stage's canonical options, for those who train */
    uint64_t seed;
    uint32_t ordinal;
    gf_net *const *teachers;
    int teacher_count;
    const gf_artifact *resume;
    gf_train_hooks hooks; /* to pass on to gf_train */
} gf_method_call;

#define GF_STAGE_NONE "none"

typedef struct gf_method {
    gf_schema schema; /* config name ("filter-l1"), summary, paper, fields, slots */
    size_t options_size;
    const char *stage;   /* the stage that takes it: "prune", ...; GF_STAGE_NONE: no sweep does */
    const char *example; /* a stage that runs: "{ prune : { method = \"magnitude\"; ... }; }" */
    unsigned needs;      /* facts that must hold before */
    unsigned refuses;    /* facts that must not hold before */
    const char *refusal; /* the reason printed when a refused fact holds */
    unsigned adds;
    const char *neutral; /* options under which the network keeps its bits; NULL: there are none */
    bool trains;         /* a training stage: has epochs, advances the ordinal, adds TRAINED */
    bool teaches;        /* takes `teacher` */
    int questions;       /* of a pretext task, made of each image, labelled or not; 0: no task */
    gf_status (*apply)(const gf_method_call *call, const void *options);
} gf_method;
extern const gf_method *const gf_methods[]; /* generated, NULL-terminated */
extern const gf_schema *const gf_method_schemas[];
const gf_method *gf_method_find(const char *stage, const char *name);
/* INVALID with the reason when `method` cannot follow `facts`; else updates *facts. */
gf_status gf_method_follow(const gf_method *method, unsigned *facts);

/* Fields of a method that trains: all of gf_train_options but the warm-up and Lookahead, which
 * stand in the slots `schedule` and `optimizer` (gf_train_slots). S: the method's options, which
 * begin with `gf_train_options train`; given to gf_train by its schema. */
#define GF_TRAIN_FIELD(S, key, fallback, range, unit, help)                                        \
    GF_FIELD_AS(#key, S, train.key, fallback, range, unit, help)
#define GF_TRAIN_WORD(S, key, fallback, words, help)                                               \
    {                                                                                              \
#key, GF_FIELD_CHOICE, offsetof(S, train.key), sizeof(int), fallback, words, "", help      \
    }
#define GF_TRAIN_FIELDS(S, epochs_, lr_)                                                           \
    GF_TRAIN_FIELD(S, epochs, epochs_, "[1, 100000]", "epochs", "how long"),                       \
        GF_TRAIN_FIELD(S, batch, "128", "[2, 8192]", "images", "per step"),                        \
        GF_TRAIN_FIELD(S, lr, lr_, "(0, 100]", "", "base learning rate"),                          \
        GF_TRAIN_FIELD(S, momentum, "0.9", "[0, 1)", "", "of SGD"),                                \
        GF_TRAIN_FIELD(S, nesterov, "true", NULL, "", "Nesterov's momentum"),                      \
        GF_TRAIN_FIELD(S, weight_decay, "0.0005", "[0, 1]", "",                                    \
                       "of convolution and fully connected weights"),                              \
        GF_TRAIN_WORD(S, decay, "coupled", "coupled|decoupled",                                    \
                      "decay inside the gradient, or beside it (AdamW's way)"),                    \
        GF_TRAIN_FIELD(S, label_smoothing, "0", "[0, 1)", "fraction",                              \
                       "of the target spread over all classes"),                                   \
        GF_TRAIN_FIELD(S, ema, "0", "[0, 1)", "",                                                  \
                       "decay of the weights' moving average, used at the end; 0: off"),           \
        GF_TRAIN_WORD(S, numerics, "f32", GF_NUMERICS_WORDS, GF_NUMERICS_HELP)

/* ---- shared analyses and rewrites ------------------------------------------------------------ */

/* Sets of channels that can only be removed together (residual adds, shortcuts, depthwise and
 * grouped convolutions): DepGraph's idea (Fang et al. 2023, 2301.12900) on our graph. */
typedef struct gf_channel_slice {
    int param, axis; /* whose indices these are; axis 0: filters, 3: input channels */
    int first;       /* group channel c is index first + c */
    int blocks;      /* > 1: input of a grouped convolution, index c % (channels / blocks) */
    bool source;     /* produces the channels (a convolution's filters) */
} gf_channel_slice;
typedef struct gf_channel_group {
    int channels;
    gf_channel_slice *slices;
    int slice_count;
    int *nodes, node_count; /* nodes whose output channels these are */
    bool prunable;          /* false: input, logits or a padded shortcut belong to it */
    bool internal;          /* one source only: block-internal */
    int multiple;           /* grouped convolutions: the channels are this many equal blocks, and
                             * what is kept must be the same positions in each */
} gf_channel_group;
typedef struct gf_channel_groups {
    gf_channel_group *items;
    int count;
} gf_channel_groups;
gf_status gf_channel_groups_find(gf_channel_groups *groups, const gf_net *net);
void gf_channel_groups_release(gf_channel_groups *groups);
/* Removes all but keep[] (ascending) from everything in the group; attributes are adapted. Groups
 * stay valid unless the network has concatenations: find them again then. */
gf_status gf_channel_group_keep(gf_net *net, const gf_channel_group *group, const int *keep,
                                int count);
/* Folds every conv -> bn pair: W' = gamma W / sqrt(var + eps), b' = beta - gamma mean / sqrt(..)
 * (1806.08342, section 3.2.2). Quantized weights keep their codes: only their scales change, per
 * channel from then on, and the stored weight becomes the quantized one. */
gf_status gf_net_fold_bn(gf_net *net, const gf_kernels *kernels);

#endif
