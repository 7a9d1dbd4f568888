/* nn (L3): the network as data, and everything that trains and evaluates it.
 *
 * A gf_net is an array of nodes in topological order and a table of parameters; building, running,
 * rewriting, counting, storing and exporting walk the same arrays. Node 0 is the input; the last
 * node gives the logits. Between the weight that is stored and the one that the forward pass uses
 * stands the parameter's chain of views. Kinds of layers, views, losses, models and schedules are
 * one file each and are found by the generated registry. */
#ifndef GRIDFRONT_NN_H
#define GRIDFRONT_NN_H

#include <gridfront/base.h>
#include <gridfront/data.h>
#include <gridfront/kernels.h>
#include <gridfront/store.h>

#ifdef GF_DOUBLE
#define GF_REAL_DTYPE GF_F64
#else
#define GF_REAL_DTYPE GF_F32
#endif

#define GF_NAME        64
#define GF_NODE_INPUTS 4
#define GF_NODE_PARAMS 8
#define GF_ATTRIBUTES  128 /* bytes of a kind's attribute or option struct, at most */
#define GF_PARAM_VIEWS 4
#define GF_VIEW_STATES 4

typedef struct gf_shape {
    int height, width, channels; /* of one image */
} gf_shape;
size_t gf_shape_count(gf_shape shape);

/* ---- parameters and their views ------------------------------------------------------------ */

typedef enum gf_role {
    GF_ROLE_WEIGHT, /* [filters, kernel_height, kernel_width, channels / groups], decays */
    GF_ROLE_BIAS,
    GF_ROLE_GAMMA,
    GF_ROLE_BETA,
    GF_ROLE_MEAN, /* running statistics: not trained */
    GF_ROLE_VARIANCE,
    GF_ROLE_SCALE, /* learned by a method, does not decay */
    GF_ROLE_STATE  /* a method's own, not trained, not counted as a parameter */
} gf_role;

/* Learned, and counted as a parameter: not running statistics, not a method's own state. */
bool gf_role_is_learned(gf_role role);

typedef struct gf_view_kind gf_view_kind;
typedef struct gf_view {
    const gf_view_kind *kind;
    _Alignas(8) unsigned char options[GF_ATTRIBUTES];
    gf_tensor states[GF_VIEW_STATES]; /* named "mask", "scale"; data is gf_real or u8, owned */
    int state_count;
} gf_view;

typedef struct gf_param {
    char name[GF_NAME]; /* "layer1.0.conv1.weight", unique */
    gf_role role;
    int rank;
    int dims[GF_TENSOR_RANK];
    gf_real *value; /* owned by the net */
    bool trainable;
    gf_view views[GF_PARAM_VIEWS]; /* applied first to last */
    int view_count;
} gf_param;
size_t gf_param_count(const gf_param *param); /* elements */

/* What the codes of a quantized weight stand for. */
typedef enum gf_code_kind {
    GF_CODE_INTEGERS, /* value = (code - zero) * scale */
    GF_CODE_FLOATS,   /* value = number of the format * scale */
    GF_CODE_SIGNS,    /* value = scale or -scale; a zero has no code and must not be stored */
    GF_CODE_CLUSTERS  /* block of values = entry of the codebook * scale of each value; with blocks
                       * of one value zeros have no code */
} gf_code_kind;

/* Values taken together: number j of block b is at (b / inner * size + j) * inner + b % inner.
 * inner 1: blocks lie one after the other; else their values lie `inner` apart. */
typedef struct gf_blocks {
    int size;
    size_t inner;
} gf_blocks;
static inline size_t gf_blocks_at(gf_blocks blocks, size_t block, int j)
{
    if (blocks.inner == 1) return block * (size_t)blocks.size + (size_t)j;
    return (block / blocks.inner * (size_t)blocks.size + (size_t)j) * blocks.inner +
           block % blocks.inner;
}

/* What codes are entropy coded with, where that is smaller than their bits as they are. */
typedef enum gf_coder { GF_CODER_ARITHMETIC, GF_CODER_HUFFMAN } gf_coder;

/* How the weight that the forward pass uses is stored: filled by the chain, first to last, read
 * by deploy's packer and by the cost. Zero-initialized means dense float32. */
typedef struct gf_code {
    double bits;    /* per stored value; 0 means 32 */
    bool sparse;    /* exact zeros need not be stored */
    bool symmetric; /* codes are signed and zero_point is 0 */
    gf_code_kind kind;
    gf_coder coder;
    gf_minifloat format; /* of GF_CODE_FLOATS */
    int low, high;       /* range of integer codes */
    gf_real *scale;      /* [scales], borrowed from a view's state */
    gf_real *zero;       /* [scales], of GF_CODE_INTEGERS */
    int scales;          /* 0: not quantized; 1: per tensor; filters: per channel */
    /* Of GF_CODE_CLUSTERS, borrowed from a view's states. */
    const gf_real *book;  /* [entries, blocks.size] */
    const uint8_t *codes; /* [values / blocks.size] */
    int entries;
    gf_blocks blocks;
} gf_code;

/* The step that the optimizer has just made. */
typedef struct gf_update {
    gf_real rate, momentum;
    bool nesterov;
} gf_update;

struct gf_view_kind {
    gf_schema schema; /* name and option fields (stored with the view) */
    size_t options_size;
    /* out = view(in), gf_param_count elements; out may equal in. */
    void (*forward)(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    gf_real *out, const gf_real *in);
    /* The same while training, for views that draw random numbers; NULL: forward. The address of
     * `random` has the step in `epoch`; index and element are the view's. */
    void (*forward_train)(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                          gf_real *out, const gf_real *in, const gf_random *random);
    /* d_in from d_out (may be the same buffer); `in` is what forward was given. */
    void (*backward)(const gf_view *view, const gf_param *param, const gf_kernels *kernels,
                     gf_real *d_in, const gf_real *d_out, const gf_real *in);
    /* Keep step with the weight before each forward in training (scales of QAT); may be NULL. */
    void (*refresh)(gf_view *view, const gf_param *param, const gf_kernels *kernels,
                    const gf_real *in);
    /* After each update of the stored weight: a view that is first in its chain, or behind a mask,
     * brings the weight back to where it may be, or learns its own states from what backward left
     * in them. May be NULL. */
    void (*after_update)(gf_view *view, gf_param *param, const gf_kernels *kernels,
                         const gf_update *update);
    void (*code)(const gf_view *view, const gf_param *param, gf_code *code); /* may be NULL */
    /* Output filters keep[0..count-1] are all that remain (axis 0), or input channels (axis 3):
     * cut the states accordingly. NULL: states do not depend on the shape. */
    gf_status (*select)(gf_view *view, const gf_param *param, int axis, const int *keep, int count);
    /* Filter f of the weight is about to be multiplied by factor[f] (BN folding): the states
     * follow, so that the view's output is multiplied too. NULL: states do not depend on
     * magnitudes. */
    gf_status (*rescale)(gf_view *view, const gf_param *param, const gf_real *factor);
    /* Do the states, read from a file, fit the parameter (names, types, sizes)? */
    bool (*check)(const gf_view *view, const gf_param *param);
    bool straight_through; /* backward is a rule of its own, not the derivative */
};
extern const gf_view_kind *const gf_view_kinds[]; /* generated */
const gf_view_kind *gf_view_kind_find(const char *name);

/* ---- nodes and layer kinds ------------------------------------------------------------------- */

typedef enum gf_mode {
    GF_MODE_EVALUATE, /* running statistics, no dropout */
    GF_MODE_TRAIN,    /* batch statistics, running ones updated */
    GF_MODE_CALIBRATE /* like EVALUATE; activation observers collect their ranges */
} gf_mode;

/* A parameter that a new node of this kind needs. */
typedef struct gf_param_spec {
    const char *suffix; /* "weight": the parameter is called <node>.weight */
    gf_role role;
    int rank, dims[GF_TENSOR_RANK];
} gf_param_spec;

/* All that forward and backward of one node may touch. */
typedef struct gf_layer_call {
    const gf_kernels *kernels;
    gf_scratch *scratch;
    const void *attributes;
    gf_mode mode;
    int batch;
    int input_count;
    gf_shape in_shape[GF_NODE_INPUTS], out_shape;
    gf_real *out;
    const gf_real *in[GF_NODE_INPUTS];
    gf_real *weight[GF_NODE_PARAMS]; /* as the views give them; statistics are written */
    gf_real *cache;                  /* kept from forward to backward */
    const gf_real *residual;         /* forward of kinds that take over: to be added; or NULL */
    gf_epilogue epilogue;            /* and what follows */
    bool again;                      /* forward repeated in backward: the cache is filled */
    const gf_real *d_out;            /* backward only, as the following */
    gf_real *d_residual;             /* NULL: none */
    bool d_residual_add;
    gf_real *d_in[GF_NODE_INPUTS];     /* NULL: not wanted */
    bool d_in_add[GF_NODE_INPUTS];     /* add to what is there */
    gf_real *d_weight[GF_NODE_PARAMS]; /* NULL: not trained; overwritten */
    const gf_random *random;           /* for dropout; the training's step in `epoch`; NULL: none */
    uint32_t node_hash;
} gf_layer_call;

/* Per image. */
typedef struct gf_cost {
    int64_t macs;       /* multiply-accumulates of convolutions and fully connected layers */
    int64_t parameters; /* trained ones, BN included, running statistics not */
    int64_t weights, nonzeros;
    double weight_bits;    /* bits of all parameters as coded, masks and scales not included */
    double bit_operations; /* sum of macs * weight bits * activation bits */
    double weighted_macs;  /* sum of macs * max(weight bits, activation bits) / 32 */
    int64_t activations;   /* floats alive at most while one image runs */
} gf_cost;

/* Work on every value that the node before may do in the same pass over memory. */
typedef enum gf_tail { GF_TAIL_NONE, GF_TAIL_ADD, GF_TAIL_RELU } gf_tail;

typedef enum gf_channels {
    GF_CHANNELS_FOLLOW,
    GF_CHANNELS_NEW,
    GF_CHANNELS_AGREE,
    GF_CHANNELS_CONCAT
} gf_channels;

typedef struct gf_layer_kind {
    gf_schema schema; /* name, summary and attribute fields */
    size_t attributes_size;
    int inputs_least, inputs_most;
    gf_status (*shape)(gf_shape *out, const gf_shape *in, int inputs, const void *attributes);
    /* specs[GF_NODE_PARAMS]; returns how many; NULL: none */
    int (*params)(gf_param_spec *specs, const gf_shape *in, const void *attributes);
    void (*forward)(const gf_layer_call *call);
    void (*backward)(const gf_layer_call *call);
    /* gf_reals to keep from forward to backward for this batch; NULL: none */
    size_t (*cache)(int batch, const gf_shape *in, gf_shape out, const void *attributes);
    int64_t (*macs)(const gf_shape *in, gf_shape out, const void *attributes); /* NULL: none */
    /* What backward reads besides d_out and cache; decides which activations are kept. */
    bool reads_in, reads_out;
    bool in_place;          /* forward may be given out == in[0] (same shape) */
    bool gradient_in_place; /* backward may be given d_in[0] == d_out, or d_residual == d_out */
    /* A sum or ReLU that a node of another kind may take over; and whether this kind can take over
     * such nodes behind it, in the forward pass or in both. */
    gf_tail tail;
    bool takes_forward, takes_backward;
    bool repeats; /* forward is cheap and can be repeated from in[0] and the cache */
    /* Channel dependencies for structured pruning (see compress/prune/groups):
     * output channel c follows input channel c (bn, relu, pool), or is made anew (conv), or
     * inputs must agree (add), or are laid behind each other (concat). */
    gf_channels channels;
    /* backward is a rule of its own (straight-through), not the derivative: gradient checks against
     * finite differences leave it to its author's tests. */
    bool straight_through;
    /* Bits of the activations this node puts out; NULL: as its input's (relu). */
    double (*bits)(const void *attributes);
} gf_layer_kind;
double gf_layer_full_bits(const void *attributes); /* 32: for kinds that compute new values */
/* The shape rule of kinds that work value by value: out is in[0]. */
gf_status gf_layer_same_shape(gf_shape *out, const gf_shape *in, int inputs,
                              const void *attributes);
extern const gf_layer_kind *const gf_layer_kinds[]; /* generated */
const gf_layer_kind *gf_layer_kind_find(const char *name);

/* Attributes that rewrites read and change. */
typedef struct gf_conv_attributes {
    int filters, kernel_height, kernel_width, stride, pad_height, pad_width, groups;
    bool bias;
} gf_conv_attributes;
/* The convolution that these are on images of that shape. */
gf_conv_shape gf_conv_shape_on(int batch, gf_shape in, const gf_conv_attributes *attributes);
typedef struct gf_linear_attributes {
    int features;
    bool bias;
} gf_linear_attributes; /* input [1, 1, channels]; weight [features, 1, 1, channels] */
typedef struct gf_bn_attributes {
    double eps, momentum;
} gf_bn_attributes; /* parameters: gamma, beta, mean, variance */
typedef struct gf_dropout_attributes {
    double rate;
} gf_dropout_attributes;
typedef struct gf_pad_shortcut_attributes {
    int stride, channels;
} gf_pad_shortcut_attributes;
typedef struct gf_pool_attributes {
    int size;         /* of a window, and from one to the next */
} gf_pool_attributes; /* average_pool, max_pool */

typedef struct gf_node {
    char name[GF_NAME]; /* "layer1.0.conv1", unique */
    const gf_layer_kind *kind;
    _Alignas(8) unsigned char attributes[GF_ATTRIBUTES];
    int inputs[GF_NODE_INPUTS], input_count; /* earlier nodes */
    int params[GF_NODE_PARAMS], param_count; /* into the net's table */
    gf_shape shape;
    bool frozen; /* bn: running statistics even while training */
} gf_node;

typedef struct gf_net {
    gf_node *nodes;
    gf_param *params;
    int node_count, node_capacity, param_count, param_capacity;
} gf_net;

gf_status gf_net_create(gf_net **net, gf_shape input);
void gf_net_destroy(gf_net *net);
gf_status gf_net_copy(gf_net **copy, const gf_net *net);
/* Adds a node; its attributes are copied (attributes_size bytes), its shape and parameters derived.
 * *node is its index. INVALID (which node, which shapes) when they do not fit. */
gf_status gf_net_add(gf_net *net, int *node, const char *kind, const char *name,
                     const void *attributes, const int *inputs, int input_count);
/* Adds a one-input node right behind `after`; every other consumer of `after` reads it instead.
 * Indices of later nodes move up by one. The net is unchanged when it fails, as with add. */
gf_status gf_net_insert(gf_net *net, int *node, const char *kind, const char *name,
                        const void *attributes, int after);
/* Removes a one-input node; its consumers read its input. Parameters only it used go too. */
gf_status gf_net_remove(gf_net *net, int node);
/* Drops the nodes from `nodes` on, and parameters that only they used; the one before gives the
 * logits then. nodes > 1. */
gf_status gf_net_truncate(gf_net *net, int nodes);
/* Shapes again from the attributes, and the parameters checked against them. */
gf_status gf_net_check(gf_net *net);
/* PyTorch's defaults: Kaiming uniform with a = sqrt 5, bias in +-1/sqrt(fan in), BN 1 and 0. */
void gf_net_initialize(gf_net *net, uint64_t seed, uint32_t ordinal);
int gf_net_find_node(const gf_net *net, const char *name);  /* -1: absent */
int gf_net_find_param(const gf_net *net, const char *name); /* -1: absent */
gf_status gf_param_add_view(gf_param *param, gf_view **view, const char *kind,
                            const void *options); /* no states yet */
gf_status gf_view_add_state(gf_view *view, const char *name, gf_dtype dtype, int rank,
                            const int64_t *dims, const void *data);
/* Keeps only the listed indices of one axis, the views' states too. */
gf_status gf_param_select(gf_param *param, int axis, const int *keep, int count);
/* The weight that the forward pass uses: value through all views into out. */
void gf_param_effective(const gf_param *param, const gf_kernels *kernels, gf_real *out);
/* Makes the views permanent: value = effective value, no views. */
gf_status gf_param_bake(gf_param *param, const gf_kernels *kernels);
void gf_param_code(const gf_param *param, gf_code *code);
/* Bits of so many stored values, the codebook's floats included. */
double gf_code_size(const gf_code *code, double values);
/* Node for node; per_node (may be NULL) has node_count entries. */
gf_status gf_net_cost(const gf_net *net, const gf_kernels *kernels, gf_cost *cost,
                      gf_cost *per_node);

/* One line a node, one a parameter, one a view; parse(text) then fill from tensors. */
gf_status gf_net_save(const gf_net *net, gf_artifact *artifact);
gf_status gf_net_load(gf_net **net, const gf_artifact *artifact); /* CORRUPT */

/* ---- models --------------------------------------------------------------------------------- */

typedef struct gf_model_kind {
    gf_schema schema;
    size_t options_size;
    gf_status (*build)(gf_net **net, const void *options, gf_shape input, int classes);
} gf_model_kind;
extern const gf_model_kind *const gf_model_kinds[]; /* generated */
extern const gf_schema *const gf_model_schemas[];
/* From options "model.arch = resnet18", "model.width = 16" (prefix "model."); initialized not. */
gf_status gf_model_build(gf_net **net, const gf_options *options, const char *prefix,
                         gf_shape input, int classes);

/* ---- running ----------------------------------------------------------------------------------
 */

typedef struct gf_run gf_run;
/* Memory for one net and at most `batch` images; backward: keeps what gradients need. The net is
 * borrowed and may change its parameters' values, not its structure. */
gf_status gf_run_create(gf_run **run, gf_net *net, const gf_kernels *kernels, int batch,
                        bool backward);
void gf_run_destroy(gf_run *run);
gf_real *gf_run_input(gf_run *run); /* [batch, height, width, channels] to fill */
/* random: of this step, in training; NULL where no layer or view draws. */
void gf_run_forward(gf_run *run, int batch, gf_mode mode, const gf_random *random);
/* Values of nodes are kept only as long as the pass needs them; want keeps this one. The last
 * node's is always there. */
gf_status gf_run_want_value(gf_run *run, int node);
const gf_real *gf_run_value(const gf_run *run, int node);
gf_real *gf_run_logits(gf_run *run); /* value of the last node, [batch, classes] */
/* Gradient of the loss at a node's output. want marks it (zeroed at each forward) before backward
 * for loss terms that add to it; the last node's is always there. */
gf_status gf_run_want_gradient(gf_run *run, int node);
gf_real *gf_run_gradient(gf_run *run, int node);
void gf_run_backward(gf_run *run);
gf_real *gf_run_param_gradient(gf_run *run, int param); /* with respect to the stored value */
gf_net *gf_run_net(gf_run *run);
const gf_kernels *gf_run_kernels(const gf_run *run);
int gf_run_batch(const gf_run *run);    /* of the last forward */
int gf_run_capacity(const gf_run *run); /* images, at most */

/* ---- loss terms --------------------------------------------------------------------------------
 */

/* What a term may read and add to in each step, after all forwards and before backward. */
typedef struct gf_loss_call {
    gf_run *student;
    gf_run *const *teachers; /* frozen, already run on the same augmented images */
    int teacher_count;
    const int *labels;     /* [batch]: of the images before any mixing; target says all */
    const gf_real *target; /* [batch, classes]: smoothed or mixed */
    int batch, classes;
    int epoch, epochs;
    gf_real *d_logits; /* add to it */
} gf_loss_call;
typedef struct gf_loss_kind {
    gf_schema schema;
    size_t options_size;
    /* Own parameters (regressors), taps; state is given to apply. NULL: no state. */
    gf_status (*create)(void **state, const void *options, gf_run *student, gf_run *const *teachers,
                        int teacher_count);
    void (*destroy)(void *state);
    /* The hard-label loss is multiplied by this before terms are added (1: unchanged). */
    double (*label_weight)(const void *options);
    gf_status (*apply)(void *state, const void *options, const gf_loss_call *call, double *loss);
    /* After backward: adds to gradients of parameters (gf_run_param_gradient), for terms that are
     * functions of the weights; apply has added their value. NULL: none. */
    void (*add_gradients)(void *state, const void *options, gf_run *student);
} gf_loss_kind;
extern const gf_loss_kind *const gf_loss_kinds[]; /* generated */
typedef struct gf_loss_term {
    const gf_loss_kind *kind;
    const void *options;
} gf_loss_term;

/* ---- schedules ---------------------------------------------------------------------------------
 */

typedef struct gf_scores {
    double loss, accuracy; /* mean cross-entropy; fraction */
} gf_scores;

#define GF_SCHEDULE_STATES 4
/* What a policy that watches the training knows so far; kept in checkpoints. */
typedef struct gf_schedule_memory {
    double factor;                    /* of the rate from the next epoch on; 1 at first */
    double state[GF_SCHEDULE_STATES]; /* the policy's own, zero at first */
} gf_schedule_memory;

/* `lr` is the highest rate of every policy; time is counted in epochs, fractions allowed. */
typedef struct gf_schedule_kind {
    gf_schema schema;
    size_t options_size;
    /* Factor of the base rate at time t of T, in epochs, warm-up aside. NULL: 1. */
    double (*factor)(const void *options, double t, double horizon);
    /* INVALID where options cannot stand together; NULL: they always can. */
    gf_status (*check)(const void *options, double horizon);
    /* Looks at the validation scores after each epoch behind the warm-up; NULL: needs none. */
    void (*observe)(const void *options, gf_schedule_memory *memory, const gf_scores *scores);
} gf_schedule_kind;
extern const gf_schedule_kind *const gf_schedule_kinds[]; /* generated */
extern const gf_schema *const gf_schedule_schemas[];

/* ---- optimizers --------------------------------------------------------------------------------
 */

#define GF_OPTIMIZER_STATES 2
/* One parameter's update. */
typedef struct gf_optimizer_call {
    const gf_kernels *kernels;
    gf_real *weight;
    const gf_real *gradient;
    gf_real *state[GF_OPTIMIZER_STATES];
    size_t count;              /* elements of each */
    double rate;               /* of this step */
    double coupled, decoupled; /* weight decay: inside the gradient, beside the step */
    double momentum;           /* sgd's */
    bool nesterov;
    int64_t updates; /* this one included */
} gf_optimizer_call;
typedef struct gf_optimizer_kind {
    gf_schema schema;
    size_t options_size;
    /* Buffers that each parameter gets, zero at first, kept in checkpoints by these names. */
    const char *states[GF_OPTIMIZER_STATES + 1];
    void (*step)(const gf_optimizer_call *call, const void *options);
} gf_optimizer_kind;
extern const gf_optimizer_kind *const gf_optimizer_kinds[]; /* generated */
extern const gf_schema *const gf_optimizer_schemas[];

/* ---- training and evaluation -------------------------------------------------------------------
 */

typedef struct gf_train_options {
    int epochs, batch;
    double lr, momentum, weight_decay, label_smoothing, ema; /* ema 0: off */
    bool nesterov;
    int decay;     /* word: coupled | decoupled */
    int numerics;  /* gf_numerics of forward and backward; evaluation is always float32 */
    double warmup; /* schedule.warmup, epochs */
    int after;     /* epochs of the schedule that are over; 0 unless a method has such a field */
    int lookahead; /* optimizer.lookahead, steps; 0: off */
    double alpha;  /* optimizer.alpha */
} gf_train_options;
#define GF_NUMERICS_HELP                                                                           \
    "bf16: operands of convolutions are rounded to bfloat16; sums, weights, evaluation stay "      \
    "float32"
/* Schemas of the `train` and `finetune` groups: the same fields, other defaults, with the slots
 * schedule, optimizer and augment. */
extern const gf_schema gf_train_schema, gf_finetune_schema;
/* The same slots and fields for methods that train (qat, distill): put them into their schema. */
extern const gf_slot gf_train_slots[];

/* Options of a training that cannot stand together (a warm-up longer than the training), found at
 * plan time. `schema` is that of the group or method, whose defaults count. INVALID. */
gf_status gf_train_check(const gf_options *options, const char *prefix, const gf_schema *schema);
/* Does this training's schedule look at validation images? */
bool gf_train_observes(const gf_options *options, const char *prefix);

/* What is learned in place of the labels: a pretext task, which makes its questions and answers out
 * of images alone. The network's last node gives `classes` logits for each answer: where an image
 * has several, one for each place of its last maps, [height, width, classes]. */
typedef struct gf_pretext_call {
    gf_real *inputs;       /* [images * task->inputs, height, width, channels], to be made */
    int *answers;          /* [images * task->answers], to be made: in [0, classes) */
    const gf_real *images; /* [images, height, width, channels], augmented and normalized */
    const int *positions;  /* [images]: in the split */
    int count, height, width, channels;
    const gf_random *random; /* purpose METHOD; another one in each epoch */
} gf_pretext_call;
typedef struct gf_pretext {
    int classes;
    int inputs, answers;    /* for each image; answers is a multiple of inputs */
    const gf_real *weights; /* [classes]: of an answer in the loss; NULL: 1 */
    void (*make)(const struct gf_pretext *task, const gf_pretext_call *call);
} gf_pretext;

/* Evaluates on a split in batches of 250; sums in an order fixed by the data. */
gf_status gf_evaluate(gf_scores *scores, gf_net *net, const gf_data *data, gf_split split,
                      const gf_kernels *kernels);
/* Forward passes in CALIBRATE mode over the first `images` training images, unaugmented. */
gf_status gf_calibrate(gf_net *net, const gf_data *data, int images, const gf_kernels *kernels);

/* One step: s that its parts took (teachers count as forward, loss terms as loss, the moving
 * average as update), its rate, and the loss of its batch before the update. */
typedef struct gf_step_times {
    int images;
    double data, forward, loss, backward, update;
    double rate, batch_loss;
} gf_step_times;

/* The step that is about to be done; both from 0. */
typedef struct gf_train_place {
    int epoch, epochs, step, steps;
} gf_train_place;

/* Everything that training may ask of its surroundings; any member may be NULL. */
typedef struct gf_train_hooks {
    void *context;
    /* After each epoch. A failure ends the training with that status. */
    gf_status (*epoch)(void *context, const gf_epoch_row *row);
    /* After each step, before `stop`: for benchmarks and the range test. */
    void (*step)(void *context, const gf_step_times *times);
    /* Called between steps; share in [0, 1] of this training done. True: save and leave
     * (gf_train returns INTERRUPTED). */
    bool (*stop)(void *context, double share);
    /* A checkpoint of the whole state; called every epoch, each `checkpoint_seconds`, on stop. */
    gf_status (*save)(void *context, const gf_artifact *state);
    double checkpoint_seconds;
    /* At the start of each epoch, before its first step: methods change masks, freeze BN, ... */
    gf_status (*epoch_start)(void *context, gf_net *net, int epoch, int epochs);
    /* Before each step: methods that change masks as the training goes. */
    gf_status (*step_start)(void *context, gf_net *net, const gf_train_place *place);
    void *method_context; /* given to these two in place of context when not NULL */
} gf_train_hooks;

typedef struct gf_train_job {
    gf_net *net; /* trained in place; at the end its averages, or Lookahead's slow weights */
    const gf_data *data;
    const gf_kernels *kernels;
    const gf_options *options; /* the stage's own canonical options; keys under prefix */
    const char *prefix;
    const gf_schema *schema; /* gf_train_schema, gf_finetune_schema: whose defaults */
    uint64_t seed;
    uint32_t ordinal;
    gf_net *const *teachers; /* frozen, evaluated in EVALUATE mode */
    int teacher_count;
    const gf_loss_term *terms;
    int term_count;
    const gf_pretext *task;    /* NULL: the labels; else from the images of UNLABELLED */
    const gf_artifact *resume; /* a state given to hooks.save before, NULL: from the start */
    /* A segment of the training: epochs done before, and the epoch after which it is left with its
     * state in *left (zero-initialized). until 0: to the end. The schedule is that of the whole. */
    int from, until;
    gf_artifact *left;
    gf_train_hooks hooks;
} gf_train_job;
/* DIVERGED (epoch, step) when the loss of a step or of a validation is not finite; INTERRUPTED when
 * told to stop. */
gf_status gf_train(const gf_train_job *job);

/* ---- the range test of the learning rate -------------------------------------------------------
 */

typedef struct gf_range_point {
    double rate, loss; /* of one step, in the order of the ramp */
} gf_range_point;
typedef enum gf_range_end {
    GF_RANGE_RISES,
    GF_RANGE_RAGGED,
    GF_RANGE_EXPLODES,
    GF_RANGE_OPEN /* the ramp ended before anything happened */
} gf_range_end;
typedef struct gf_range {
    double low, high; /* rates between which the network learns */
    gf_range_end end; /* what happens at `high` */
} gf_range;
enum { GF_RANGE_LEAST = 20 };
/* Losses smoothed by the mean over as many steps before and behind; caller frees. NULL: no memory.
 */
double *gf_range_smooth(const gf_range_point *points, int count);
/* Bounds for a cyclic or one-cycle schedule (Smith 2017, 1506.01186, section 3.3). INVALID: fewer
 * than GF_RANGE_LEAST points, or the loss never fell. */
gf_status gf_range_find(gf_range *range, const gf_range_point *points, int count);

#endif
