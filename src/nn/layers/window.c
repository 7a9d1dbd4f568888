/* Windows of a pooling in an image. */
#include "window.h"

#include <string.h>

const gf_field gf_window_fields[] = {
    GF_FIELD(gf_pool_attributes, size, NULL, "[1, 64]", "pixels", "height and width of a window"),
    GF_FIELD_END,
};

gf_status gf_window_shape(gf_shape *out, const gf_shape *in, int inputs, const void *attributes)
{
    const gf_pool_attributes *a = attributes;
    (void)inputs;
    if (in->height < a->size || in->width < a->size)
        return gf_fail(GF_INVALID, "an image of %d x %d is smaller than a window of %d x %d",
                       in->height, in->width, a->size, a->size);
    *out = (gf_shape){ in->height / a->size, in->width / a->size, in->channels };
    return GF_OK;
}

size_t gf_window_count(const gf_layer_call *call)
{
    return (size_t)call->batch * (size_t)call->out_shape.height * (size_t)call->out_shape.width;
}

size_t gf_window_place(const gf_layer_call *call, size_t w)
{
    const gf_pool_attributes *a = call->attributes;
    gf_shape in = call->in_shape[0], out = call->out_shape;
    size_t x = w % (size_t)out.width * (size_t)a->size, line = w / (size_t)out.width;
    size_t y = line % (size_t)out.height * (size_t)a->size, image = line / (size_t)out.height;
    return ((image * (size_t)in.height + y) * (size_t)in.width + x) * (size_t)in.channels;
}

size_t gf_window_step(const gf_layer_call *call, int p)
{
    const gf_pool_attributes *a = call->attributes;
    gf_shape in = call->in_shape[0];
    return ((size_t)(p / a->size) * (size_t)in.width + (size_t)(p % a->size)) * (size_t)in.channels;
}

void gf_window_clear(const gf_layer_call *call)
{
    size_t count = (size_t)call->batch * gf_shape_count(call->in_shape[0]);
    if (!call->d_in_add[0]) memset(call->d_in[0], 0, count * sizeof(gf_real));
}
