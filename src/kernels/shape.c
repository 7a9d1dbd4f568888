/* Convolution sizes and scratch memory: what every backend shares. */
#include <gridfront/kernels.h>

#include <stdlib.h>

static int out_size(int in, int kernel, int pad, int stride)
{
    return (in + 2 * pad - kernel) / stride + 1;
}

void gf_conv_shape_finish(gf_conv_shape *shape)
{
    shape->out_height =
        out_size(shape->height, shape->kernel_height, shape->pad_height, shape->stride);
    shape->out_width = out_size(shape->width, shape->kernel_width, shape->pad_width, shape->stride);
}

int64_t gf_conv_macs(const gf_conv_shape *shape)
{
    int64_t outputs = (int64_t)shape->batch * shape->out_height * shape->out_width * shape->filters;
    return outputs * shape->kernel_height * shape->kernel_width * (shape->channels / shape->groups);
}

void *gf_scratch_get(gf_scratch *scratch, size_t size)
{
    if (scratch->size >= size && scratch->data) return scratch->data;
    free(scratch->data);
    scratch->data = NULL;
    scratch->size = 0;
    size_t rounded = (size + 63) / 64 * 64;
    if (rounded < size) return NULL;
    scratch->data = aligned_alloc(64, rounded ? rounded : 64);
    scratch->size = scratch->data ? rounded : 0;
    return scratch->data;
}

gf_scratch *gf_scratch_inner(gf_scratch *scratch)
{
    if (!scratch->inner) scratch->inner = calloc(1, sizeof *scratch->inner);
    return scratch->inner;
}

void gf_scratch_release(gf_scratch *scratch)
{
    if (scratch->inner) gf_scratch_release(scratch->inner);
    free(scratch->inner);
    free(scratch->data);
    *scratch = (gf_scratch){ 0 };
}
