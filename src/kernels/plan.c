/* Cuts convolutions into items and phases; see plan.h. The cut never changes a result: every
 * output pixel is one sum, whichever item it falls into. */
#include "plan.h"

#include "tune.h"

#include <string.h>

enum { PIXELS_NARROW = 64, PIXELS_WIDE = 256, ITEMS_MIN = 16, WIDE_WEIGHTS = 1 << 18 };

static int at_least(int value, int least)
{
    return value > least ? value : least;
}

static int floor_divide(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Small images are taken together so that a panel of weights, once in cache, serves many pixels;
 * but not so many that threads would be left without work. */
static void choose_items(gf_plan *plan, size_t weights)
{
    int pixels = plan->out_height * plan->out_width;
    int target = weights > WIDE_WEIGHTS ? PIXELS_WIDE : PIXELS_NARROW;
    int images = at_least(gf_tune_scale(target, plan->grain) / pixels, 1);
    int most = at_least(plan->batch / ITEMS_MIN, 1);
    plan->images = images < most ? images : most;
    plan->items = (plan->batch + plan->images - 1) / plan->images;
    plan->splits = at_least(ITEMS_MIN / 2 / plan->items, 1);
}

static void see_depthwise(gf_plan *plan)
{
    plan->depthwise = plan->groups > 1 && plan->inner == 1 && plan->outer == 1;
    if (!plan->depthwise) return;
    plan->outer = plan->groups;
    plan->groups = 1;
    plan->weight_out = plan->weight_group;
}

static size_t weight_count(const gf_conv_shape *s)
{
    return (size_t)s->filters * s->kernel_height * s->kernel_width * (s->channels / s->groups);
}

void gf_plan_forward(gf_plan *plan, const gf_conv_shape *s)
{
    int inner = s->channels / s->groups, kernel = s->kernel_height * s->kernel_width;
    *plan = (gf_plan){
        .height = s->height,
        .width = s->width,
        .channels = s->channels,
        .pad_top = s->pad_height,
        .pad_left = s->pad_width,
        .padded_height = s->height + 2 * s->pad_height,
        .padded_width = s->width + 2 * s->pad_width,
        .copies = s->pad_height > 0 || s->pad_width > 0,
        .out_height = s->out_height,
        .out_width = s->out_width,
        .out_channels = s->filters,
        .groups = s->groups,
        .inner = inner,
        .outer = s->filters / s->groups,
        .weight_group = (size_t)(s->filters / s->groups) * kernel * inner,
        .weight_out = (size_t)kernel * inner,
        .weight_in = 1,
        .weight_kernel = inner,
        .kernel_width = s->kernel_width,
        .batch = s->batch,
        .grain = gf_tune_grain(GF_PASS_FORWARD, s),
        .phase_count = 1,
        .phases = { { .step = 1,
                      .rows = s->out_height,
                      .columns = s->out_width,
                      .source_step = s->stride,
                      .taps_y = s->kernel_height,
                      .taps_x = s->kernel_width,
                      .k_step = 1 } },
    };
    see_depthwise(plan);
    choose_items(plan, weight_count(s));
}

/* One axis of a phase: inputs first, first + stride, ...; which kernel elements reach them. */
typedef struct axis {
    int first, count;  /* input positions */
    int taps, k, from; /* number of taps; kernel element and output position of the first */
} axis;

static axis axis_of(int first, int size, int kernel, int pad, int stride)
{
    axis a = { .first = first, .count = (size - first + stride - 1) / stride };
    int rest = (first + pad) % stride;
    if (rest >= kernel) return a; /* nothing reaches these inputs */
    a.taps = (kernel - 1 - rest) / stride + 1;
    a.k = rest + (a.taps - 1) * stride; /* outputs ascend as kernel elements descend */
    a.from = floor_divide(first + pad - a.k, stride);
    return a;
}

/* Output rows (or columns) that one axis reaches for, over all remainders. */
static void axis_extent(int *low, int *high, int size, int kernel, int pad, int stride,
                        int out_size)
{
    *low = 0;
    *high = out_size - 1;
    for (int first = 0; first < stride && first < size; first++) {
        axis a = axis_of(first, size, kernel, pad, stride);
        if (a.taps == 0) continue;
        int last = a.from + a.taps - 1 + a.count - 1;
        if (a.from < *low) *low = a.from;
        if (last > *high) *high = last;
    }
}

static void add_phase(gf_plan *plan, axis y, axis x, int stride)
{
    bool empty = y.taps == 0 || x.taps == 0;
    plan->phases[plan->phase_count++] = (gf_phase){
        .row = y.first,
        .column = x.first,
        .step = stride,
        .rows = y.count,
        .columns = x.count,
        .source_row = empty ? 0 : y.from + plan->pad_top,
        .source_column = empty ? 0 : x.from + plan->pad_left,
        .source_step = 1,
        .taps_y = empty ? 0 : y.taps,
        .taps_x = empty ? 0 : x.taps,
        .ky = y.k,
        .kx = x.k,
        .k_step = -stride,
    };
}

void gf_plan_backward_input(gf_plan *plan, const gf_conv_shape *s)
{
    int inner = s->channels / s->groups, kernel = s->kernel_height * s->kernel_width;
    int top, bottom, left, right;
    axis_extent(&top, &bottom, s->height, s->kernel_height, s->pad_height, s->stride,
                s->out_height);
    axis_extent(&left, &right, s->width, s->kernel_width, s->pad_width, s->stride, s->out_width);
    *plan = (gf_plan){
        .height = s->out_height,
        .width = s->out_width,
        .channels = s->filters,
        .pad_top = -top,
        .pad_left = -left,
        .padded_height = bottom - top + 1,
        .padded_width = right - left + 1,
        .out_height = s->height,
        .out_width = s->width,
        .out_channels = s->channels,
        .groups = s->groups,
        .inner = s->filters / s->groups,
        .outer = inner,
        .weight_group = (size_t)(s->filters / s->groups) * kernel * inner,
        .weight_out = 1,
        .weight_in = (size_t)kernel * inner,
        .weight_kernel = inner,
        .kernel_width = s->kernel_width,
        .batch = s->batch,
        .grain = gf_tune_grain(GF_PASS_BACKWARD_INPUT, s),
    };
    plan->copies = plan->padded_height != s->out_height || plan->padded_width != s->out_width;
    for (int row = 0; row < s->stride && row < s->height; row++)
        for (int column = 0; column < s->stride && column < s->width; column++)
            add_phase(plan, axis_of(row, s->height, s->kernel_height, s->pad_height, s->stride),
                      axis_of(column, s->width, s->kernel_width, s->pad_width, s->stride),
                      s->stride);
    see_depthwise(plan);
    choose_items(plan, weight_count(s));
}

bool gf_plan_fits_winograd(const gf_conv_shape *s)
{
    return s->kernel_height == 3 && s->kernel_width == 3 && s->stride == 1 && s->groups == 1 &&
           s->channels % 16 == 0 && s->filters % 16 == 0 && s->out_height >= 4 && s->out_width >= 4;
}

size_t gf_plan_source_size(const gf_plan *plan)
{
    return (size_t)plan->height * plan->width * plan->channels;
}

size_t gf_plan_padded_size(const gf_plan *plan)
{
    return (size_t)plan->padded_height * plan->padded_width * plan->channels;
}

void gf_plan_pad(gf_real *padded, const gf_real *source, const gf_plan *plan, int images)
{
    size_t line = (size_t)plan->width * plan->channels;
    size_t padded_line = (size_t)plan->padded_width * plan->channels;
    size_t left = (size_t)plan->pad_left * plan->channels;
    for (int n = 0; n < images; n++) {
        for (int row = 0; row < plan->padded_height; row++, padded += padded_line) {
            if (row < plan->pad_top || row >= plan->pad_top + plan->height) {
                memset(padded, 0, padded_line * sizeof *padded);
                continue;
            }
            memset(padded, 0, left * sizeof *padded);
            memcpy(padded + left, source, line * sizeof *padded);
            memset(padded + left + line, 0, (padded_line - left - line) * sizeof *padded);
            source += line;
        }
    }
}
