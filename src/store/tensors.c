/* Lists of named tensors: plain host memory, owned by the list, kept in the order of adding. */
#include <gridfront/store.h>

#include <stdlib.h>
#include <string.h>

size_t gf_dtype_size(gf_dtype dtype)
{
    switch (dtype) {
    case GF_F32:
    case GF_I32:
        return 4;
    case GF_F64:
    case GF_I64:
        return 8;
    case GF_U8:
        return 1;
    }
    return 0;
}

/* A name is one HDF5 link: no slash, and "." would be the group itself. */
static gf_status check_name(const gf_tensors *tensors, const char *name)
{
    size_t size = strlen(name);
    if (!size || size >= GF_TENSOR_NAME)
        return gf_fail(GF_INVALID, "tensor '%.100s': name of %zu characters, allowed 1..%d", name,
                       size, GF_TENSOR_NAME - 1);
    if (strchr(name, '/') || !strcmp(name, "."))
        return gf_fail(GF_INVALID, "tensor '%s': '/' and the name '.' are not allowed", name);
    if (gf_tensors_find(tensors, name))
        return gf_fail(GF_INVALID, "tensor '%s': there is one of that name", name);
    return GF_OK;
}

/* *count elements, every size checked so that count * size cannot overflow. */
static gf_status count_elements(size_t *count, const char *name, gf_dtype dtype, int rank,
                                const int64_t *dims)
{
    size_t product = 1, size = gf_dtype_size(dtype);
    if (!size) return gf_fail(GF_INVALID, "tensor '%s': unknown type %d", name, (int)dtype);
    if (rank < 0 || rank > GF_TENSOR_RANK)
        return gf_fail(GF_INVALID, "tensor '%s': rank %d, allowed 0..%d", name, rank,
                       GF_TENSOR_RANK);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || __builtin_mul_overflow(product, (size_t)dims[i], &product) ||
            product > (size_t)INT64_MAX / size)
            return gf_fail(GF_INVALID, "tensor '%s': size %lld of dimension %d is out of range",
                           name, (long long)dims[i], i);
    }
    *count = product;
    return GF_OK;
}

static gf_status reserve_one(gf_tensors *tensors)
{
    if (tensors->count < tensors->capacity) return GF_OK;
    int capacity = tensors->capacity ? 2 * tensors->capacity : 16;
    gf_tensor *items = realloc(tensors->items, (size_t)capacity * sizeof *items);
    if (!items) return gf_fail(GF_NOMEM, "out of memory for a list of %d tensors", capacity);
    tensors->items = items;
    tensors->capacity = capacity;
    return GF_OK;
}

gf_status gf_tensors_add(gf_tensors *tensors, gf_tensor **added, const char *name, gf_dtype dtype,
                         int rank, const int64_t *dims, const void *data)
{
    gf_status status;
    size_t count = 0, size = gf_dtype_size(dtype);
    GF_TRY(check_name(tensors, name));
    GF_TRY(count_elements(&count, name, dtype, rank, dims));
    GF_TRY(reserve_one(tensors));
    gf_tensor *tensor = &tensors->items[tensors->count];
    *tensor = (gf_tensor){ .dtype = dtype, .rank = rank };
    /* At least one element, so that an empty tensor has memory of its own as well. */
    GF_TRY_ALLOC(tensor->data = gf_alloc(count ? count : 1, size));
    memcpy(tensor->name, name, strlen(name) + 1);
    if (rank) memcpy(tensor->dims, dims, (size_t)rank * sizeof *dims);
    if (data && count) memcpy(tensor->data, data, count * size);
    tensors->count++;
    if (added) *added = tensor;
out:
    return status;
}

gf_tensor *gf_tensors_find(const gf_tensors *tensors, const char *name)
{
    for (int i = 0; i < tensors->count; i++)
        if (!strcmp(tensors->items[i].name, name)) return &tensors->items[i];
    return NULL;
}

int64_t gf_tensor_count(const gf_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= tensor->dims[i];
    return count;
}

void gf_tensors_release(gf_tensors *tensors)
{
    for (int i = 0; i < tensors->count; i++) free(tensors->items[i].data);
    free(tensors->items);
    *tensors = (gf_tensors){ 0 };
}
