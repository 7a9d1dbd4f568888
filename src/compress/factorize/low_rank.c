/* Low rank by truncated SVD (Eckart and Young 1936: no other matrix of that rank is nearer).
 * The weight [f, kh, kw, c] is laid out as a matrix of (f, second kernel) x (first kernel, c), so
 * that the first convolution's weight is the right singular vectors and the second one's the left
 * ones, as they come; each takes the root of the singular value, so that both train alike. Left
 * out: grouped convolutions (a depthwise one has rank 1 already) and fully connected layers (ten
 * outputs have nothing to give). */
#include "low_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct price {
    int64_t macs, parameters;
} price;

typedef struct layer {
    int node, channels;
    gf_conv_attributes first, second; /* filters of the first one: the rank */
    int rows, columns, full;          /* of the matrix; its full rank */
    price dense, each;                /* of the layer as it is; of one rank */
    gf_real *u, *s, *vt;              /* [rows, full], [full], [full, columns] */
    double energy;                    /* sum of s^2 */
    int rank;                         /* chosen; 0: the layer stays */
} layer;

typedef struct layers {
    layer *items;
    int count;
} layers;

static void layers_release(layers *all)
{
    for (int i = 0; i < all->count; i++) {
        free(all->items[i].u);
        free(all->items[i].s);
        free(all->items[i].vt);
    }
    free(all->items);
}

/* ---- which layers, and what they cost ---- */

static bool can_be_split(const gf_node *node, bool spatial)
{
    const gf_conv_attributes *a = (const void *)node->attributes;
    if (strcmp(node->kind->schema.name, "conv") != 0 || a->groups != 1) return false;
    return !spatial || (a->kernel_height > 1 && a->kernel_width > 1);
}

/* A k x 1 convolution of stride 1 is read at every second row where the 1 x k one has stride 2:
 * what both give together is the strided k x k one. */
static void derive_factors(layer *l, const gf_conv_attributes *a, bool spatial)
{
    l->first = l->second = *a;
    l->first.bias = false;
    l->second.pad_height = 0;
    if (spatial) {
        l->first.kernel_width = l->first.stride = 1;
        l->first.pad_width = 0;
        l->second.kernel_height = 1;
    } else {
        l->second.kernel_height = l->second.kernel_width = l->second.stride = 1;
        l->second.pad_width = 0;
    }
    l->rows = a->filters * l->second.kernel_height * l->second.kernel_width;
    l->columns = l->first.kernel_height * l->first.kernel_width * l->channels;
    l->full = l->rows < l->columns ? l->rows : l->columns;
}

/* MACs of a convolution of these attributes, and the size of its output in *image. */
static int64_t macs_of(gf_shape *image, const gf_conv_attributes *a, int channels, int filters)
{
    gf_conv_attributes plain = *a;
    plain.filters = filters;
    plain.groups = 1;
    const gf_shape in = { .height = image->height, .width = image->width, .channels = channels };
    gf_conv_shape shape = gf_conv_shape_on(1, in, &plain);
    image->height = shape.out_height;
    image->width = shape.out_width;
    return gf_conv_macs(&shape);
}

static void find_prices(layer *l, const gf_conv_attributes *a, gf_shape in)
{
    gf_shape image = in;
    l->dense =
        (price){ macs_of(&image, a, l->channels, a->filters), (int64_t)l->rows * l->columns };
    image = in;
    l->each.macs = macs_of(&image, &l->first, l->channels, 1);
    l->each.macs += macs_of(&image, &l->second, 1, a->filters);
    l->each.parameters = l->rows + l->columns;
}

/* ---- singular values ---- */

/* out [rows, columns] of weight [f, kh, kw, c]. */
static void lay_out(gf_real *out, const layer *l, const gf_real *weight)
{
    int height = l->first.kernel_height, width = l->first.kernel_width;
    int beside = l->second.kernel_width; /* 1, or all columns of the kernel; then width is 1 */
    size_t channels = (size_t)l->channels;
    for (int f = 0; f < l->second.filters; f++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width * beside; x++, weight += channels) {
                int row = f * beside + (beside > 1 ? x : 0);
                int column = y * width + (beside > 1 ? 0 : x);
                memcpy(out + (size_t)row * (size_t)l->columns + (size_t)column * channels, weight,
                       channels * sizeof *weight);
            }
}

static gf_status decompose(layer *l, const gf_real *weight)
{
    gf_status status;
    size_t rows = (size_t)l->rows, columns = (size_t)l->columns, full = (size_t)l->full;
    gf_real *matrix = gf_alloc(rows * columns, sizeof *matrix);
    GF_TRY_ALLOC(matrix);
    GF_TRY_ALLOC(l->u = gf_alloc(rows * full, sizeof *l->u));
    GF_TRY_ALLOC(l->s = gf_alloc(full, sizeof *l->s));
    GF_TRY_ALLOC(l->vt = gf_alloc(full * columns, sizeof *l->vt));
    lay_out(matrix, l, weight);
    GF_TRY(gf_svd(l->u, l->s, l->vt, matrix, l->rows, l->columns));
    for (int k = 0; k < l->full; k++) l->energy += (double)l->s[k] * (double)l->s[k];
out:
    free(matrix);
    return status;
}

static gf_status add_layer(layers *all, gf_net *net, int n, bool spatial, const gf_kernels *kernels)
{
    gf_status status;
    const gf_node *node = &net->nodes[n];
    const gf_conv_attributes *a = (const void *)node->attributes;
    gf_shape in = net->nodes[node->inputs[0]].shape;
    layer *l = &all->items[all->count++];
    *l = (layer){ .node = n, .channels = in.channels };
    derive_factors(l, a, spatial);
    find_prices(l, a, in);
    GF_TRY(gf_param_bake(gf_node_weight(net, node), kernels));
    GF_TRY(decompose(l, gf_node_weight(net, node)->value));
out:
    return status;
}

static gf_status find_layers(layers *all, gf_net *net, bool spatial, const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    GF_TRY_ALLOC(all->items = gf_alloc((size_t)net->node_count, sizeof *all->items));
    for (int n = 1; n < net->node_count; n++)
        if (can_be_split(&net->nodes[n], spatial)) GF_TRY(add_layer(all, net, n, spatial, kernels));
out:
    return status;
}

/* ---- ranks ---- */

/* Only a rank that saves both: a layer never costs more than it did. */
static void set_rank(layer *l, int rank)
{
    bool saves =
        rank * l->each.macs < l->dense.macs && rank * l->each.parameters < l->dense.parameters;
    l->rank = saves ? rank : 0;
}

/* The least rank that keeps this fraction of the energy. */
static int rank_of_energy(const layer *l, double keep)
{
    double sum = 0;
    for (int k = 0; k < l->full; k++) {
        sum += (double)l->s[k] * (double)l->s[k];
        if (sum >= keep * l->energy) return k + 1;
    }
    return l->full;
}

static void keep_energy(layers *all, double keep)
{
    for (int i = 0; i < all->count; i++)
        set_rank(&all->items[i], rank_of_energy(&all->items[i], keep));
}

static void keep_rank(layers *all, double keep)
{
    for (int i = 0; i < all->count; i++) {
        int rank = (int)round(keep * all->items[i].full);
        set_rank(&all->items[i], rank > 1 ? rank : 1);
    }
}

/* What the ranks save of the MACs or the parameters. */
static int64_t saving(const layers *all, int of)
{
    int64_t saved = 0;
    for (int i = 0; i < all->count; i++) {
        const layer *l = &all->items[i];
        if (l->rank == 0) continue;
        saved += of == GF_KEEP_MACS ? l->dense.macs - l->rank * l->each.macs
                                    : l->dense.parameters - l->rank * l->each.parameters;
    }
    return saved;
}

/* The same energy in every layer, the most that fits: found by halving, since more energy never
 * costs less. */
static gf_status keep_budget(layers *all, const gf_low_rank_options *o, const gf_cost *cost)
{
    enum { HALVINGS = 48 };
    double low = 0, high = 1;
    int64_t dense = o->of == GF_KEEP_MACS ? cost->macs : cost->parameters;
    double budget = o->keep * (double)dense;
    keep_energy(all, high);
    if ((double)(dense - saving(all, o->of)) <= budget) return GF_OK;
    keep_energy(all, low);
    if ((double)(dense - saving(all, o->of)) > budget)
        return gf_fail(GF_FAILED, "keep = %g of the %s: rank 1 everywhere still leaves %.3g",
                       o->keep, o->of == GF_KEEP_MACS ? "MACs" : "parameters",
                       (double)(dense - saving(all, o->of)) / (double)dense);
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        keep_energy(all, middle);
        if ((double)(dense - saving(all, o->of)) <= budget)
            low = middle;
        else
            high = middle;
    }
    keep_energy(all, low);
    return GF_OK;
}

static gf_status choose_ranks(layers *all, const gf_net *net, const gf_low_rank_options *o,
                              const gf_kernels *kernels)
{
    gf_status status = GF_OK;
    gf_cost cost;
    if (o->of == GF_KEEP_ENERGY) {
        keep_energy(all, o->keep);
    } else if (o->of == GF_KEEP_RANK) {
        keep_rank(all, o->keep);
    } else {
        GF_TRY(gf_net_cost(net, kernels, &cost, NULL));
        GF_TRY(keep_budget(all, o, &cost));
    }
out:
    return status;
}

/* ---- the rewrite ---- */

static void find_free_name(char name[2 * GF_NAME], const gf_net *net, const char *layer_name)
{
    int i = 1;
    do snprintf(name, 2 * GF_NAME, "%s.factor%d", layer_name, i++);
    while (gf_net_find_node(net, name) >= 0);
}

static void swap_names(char a[GF_NAME], char b[GF_NAME])
{
    char kept[GF_NAME];
    memcpy(kept, a, GF_NAME);
    memcpy(a, b, GF_NAME);
    memcpy(b, kept, GF_NAME);
}

/* weight = factor [filters, kernel, channels], which becomes the parameter's. */
static void set_weight(gf_param *weight, gf_real *factor, const gf_conv_attributes *a, int channels)
{
    free(weight->value);
    weight->value = factor;
    weight->dims[0] = a->filters;
    weight->dims[1] = a->kernel_height;
    weight->dims[2] = a->kernel_width;
    weight->dims[3] = channels;
}

static gf_status take_factors(layer *l, gf_param *first, gf_param *second)
{
    gf_status status = GF_OK;
    size_t rank = (size_t)l->rank, rows = (size_t)l->rows, columns = (size_t)l->columns;
    gf_real *right = gf_alloc(rank * columns, sizeof *right);
    gf_real *left = gf_alloc(rows * rank, sizeof *left);
    GF_TRY_ALLOC(right && left);
    for (size_t k = 0; k < rank; k++) {
        gf_real root = (gf_real)sqrt((double)l->s[k]);
        for (size_t i = 0; i < columns; i++) right[k * columns + i] = root * l->vt[k * columns + i];
        for (size_t i = 0; i < rows; i++) left[i * rank + k] = root * l->u[i * (size_t)l->full + k];
    }
    l->first.filters = l->rank;
    set_weight(first, right, &l->first, l->channels);
    set_weight(second, left, &l->second, l->rank);
    right = left = NULL;
out:
    free(right);
    free(left);
    return status;
}

/* A pointwise convolution is put behind the layer, which changes no shape; then both become what
 * they are to be. */
static gf_status split(gf_net *net, layer *l)
{
    gf_status status;
    char name[2 * GF_NAME];
    int second;
    const gf_conv_attributes pointwise = { .filters = l->second.filters,
                                           .kernel_height = 1,
                                           .kernel_width = 1,
                                           .stride = 1,
                                           .groups = 1 };
    find_free_name(name, net, net->nodes[l->node].name);
    GF_TRY(gf_net_insert(net, &second, "conv", name, &pointwise, l->node));
    gf_node *a = &net->nodes[l->node], *b = &net->nodes[second];
    gf_param *first = gf_node_weight(net, a), *last = gf_node_weight(net, b);
    swap_names(a->name, b->name);
    swap_names(first->name, last->name);
    last->trainable = first->trainable;
    GF_TRY(take_factors(l, first, last));
    if (l->second.bias) b->params[b->param_count++] = a->params[--a->param_count];
    memcpy(a->attributes, &l->first, sizeof l->first);
    memcpy(b->attributes, &l->second, sizeof l->second);
    GF_TRY(gf_net_check(net));
out:
    return status;
}

gf_status gf_low_rank_split(gf_net *net, const gf_low_rank_options *options, bool spatial,
                            const gf_kernels *kernels)
{
    gf_status status;
    layers all = { 0 };
    GF_TRY(find_layers(&all, net, spatial, kernels));
    GF_TRY(choose_ranks(&all, net, options, kernels));
    for (int i = all.count - 1; i >= 0; i--) /* what stands before a split layer keeps its place */
        if (all.items[i].rank > 0) GF_TRY(split(net, &all.items[i]));
out:
    layers_release(&all);
    return status;
}
