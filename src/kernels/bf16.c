/* Emulated bf16: float32 kernels on rounded copies of their operands. The product of two bfloat16
 * is exact in float32, so that this differs from bf16 instructions only in the order of the sums
 * (and by Winograd's transforms, where the float32 kernels use them). */
#include "bf16.h"

#ifndef GF_DOUBLE

typedef struct copies {
    float *a, *b;
} copies;

static size_t whole_lines(size_t count)
{
    return (count + 15) / 16 * 16;
}

static void round_all(const gf_bf16_emulator *by, float *to, const float *from, size_t count)
{
    enum { SPAN = 1 << 14 };
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i += SPAN)
        by->round_values(to + i, from + i, count - i < SPAN ? count - i : SPAN);
}

/* Rounded copies of two operands; false when memory is out. */
static bool round_operands(copies *out, const gf_bf16_emulator *by, const float *a, size_t a_count,
                           const float *b, size_t b_count, gf_scratch *scratch)
{
    size_t first = whole_lines(a_count);
    out->a = gf_scratch_get(scratch, (first + b_count) * sizeof(float));
    if (!out->a) return false;
    out->b = out->a + first;
    round_all(by, out->a, a, a_count);
    round_all(by, out->b, b, b_count);
    return true;
}

static void poison(float *out, size_t count)
{
    gf_log(GF_ERROR, "kernels", "out of scratch memory: the result is set to NaN");
    for (size_t i = 0; i < count; i++) out[i] = __builtin_nanf("");
}

static size_t x_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->height * s->width * s->channels;
}

static size_t y_count(const gf_conv_shape *s)
{
    return (size_t)s->batch * s->out_height * s->out_width * s->filters;
}

static size_t weight_count(const gf_conv_shape *s)
{
    return (size_t)s->filters * s->kernel_height * s->kernel_width * (s->channels / s->groups);
}

void gf_bf16_forward(const gf_bf16_emulator *by, float *y, const float *x, const float *weight,
                     const gf_conv_end *end, const gf_conv_shape *shape, gf_scratch *scratch)
{
    copies in;
    gf_scratch *inner = gf_scratch_inner(scratch);
    if (inner && round_operands(&in, by, x, x_count(shape), weight, weight_count(shape), scratch))
        by->f32->conv_forward(y, in.a, in.b, end, shape, inner);
    else
        poison(y, y_count(shape));
}

void gf_bf16_backward_input(const gf_bf16_emulator *by, float *d_x, const float *d_y,
                            const float *weight, const gf_conv_shape *shape, bool add,
                            gf_scratch *scratch)
{
    copies in;
    gf_scratch *inner = gf_scratch_inner(scratch);
    if (inner && round_operands(&in, by, d_y, y_count(shape), weight, weight_count(shape), scratch))
        by->f32->conv_backward_input(d_x, in.a, in.b, shape, add, inner);
    else
        poison(d_x, x_count(shape));
}

void gf_bf16_backward_weight(const gf_bf16_emulator *by, float *d_weight, float *d_bias,
                             const float *d_y, const float *x, const gf_conv_shape *shape,
                             gf_scratch *scratch)
{
    copies in;
    gf_scratch *inner = gf_scratch_inner(scratch);
    if (inner && round_operands(&in, by, d_y, y_count(shape), x, x_count(shape), scratch)) {
        by->f32->conv_backward_weight(d_weight, d_bias, in.a, in.b, shape, inner);
        return;
    }
    poison(d_weight, weight_count(shape));
    if (d_bias) poison(d_bias, shape->filters);
}

#endif
