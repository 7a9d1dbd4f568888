/* Numbers and bytes in a row: eight bytes of a number or a length, then what it counts. */
#include "parcel.h"

#include <string.h>

void gf_parcel_put_raw(gf_parcel_out *parcel, const void *bytes, size_t size)
{
    if (parcel->full || size > parcel->capacity - parcel->size) {
        parcel->full = true;
        return;
    }
    if (size) memcpy(parcel->data + parcel->size, bytes, size);
    parcel->size += size;
}

void gf_parcel_put_number(gf_parcel_out *parcel, uint64_t number)
{
    gf_parcel_put_raw(parcel, &number, sizeof number);
}

void gf_parcel_put_bytes(gf_parcel_out *parcel, const void *bytes, size_t size)
{
    gf_parcel_put_number(parcel, size);
    gf_parcel_put_raw(parcel, bytes, size);
}

void gf_parcel_put_text(gf_parcel_out *parcel, const char *text)
{
    gf_parcel_put_bytes(parcel, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* ---- taking ---- */

static const char *take(gf_parcel *parcel, size_t size)
{
    if (parcel->bad || size > parcel->left) {
        parcel->bad = true;
        return NULL;
    }
    const char *at = parcel->at;
    parcel->at += size;
    parcel->left -= size;
    return at;
}

uint64_t gf_parcel_number(gf_parcel *parcel, uint64_t most)
{
    uint64_t number = 0;
    const char *at = take(parcel, sizeof number);
    if (at) memcpy(&number, at, sizeof number);
    if (number <= most) return number;
    parcel->bad = true;
    return 0;
}

void gf_parcel_raw(gf_parcel *parcel, void *bytes, size_t size)
{
    const char *at = take(parcel, size);
    if (at && size)
        memcpy(bytes, at, size);
    else
        memset(bytes, 0, size);
}

void gf_parcel_copy(gf_parcel *parcel, void *bytes, size_t size)
{
    if (gf_parcel_number(parcel, SIZE_MAX) != size) parcel->bad = true;
    gf_parcel_raw(parcel, bytes, size);
}

const char *gf_parcel_text(gf_parcel *parcel)
{
    size_t size = (size_t)gf_parcel_number(parcel, SIZE_MAX);
    const char *at = take(parcel, size);
    if (at && size && memchr(at, '\0', size) == at + size - 1) return at;
    parcel->bad = true;
    return "";
}

/* ---- tensors ---- */

static size_t bytes_of(const gf_tensor *tensor)
{
    return (size_t)gf_tensor_count(tensor) * gf_dtype_size(tensor->dtype);
}

void gf_parcel_put_tensor(gf_parcel_out *parcel, const gf_tensor *tensor)
{
    gf_parcel_put_text(parcel, tensor->name);
    gf_parcel_put_number(parcel, tensor->dtype);
    gf_parcel_put_number(parcel, (uint64_t)tensor->rank);
    for (int i = 0; i < tensor->rank; i++) gf_parcel_put_number(parcel, (uint64_t)tensor->dims[i]);
    gf_parcel_put_bytes(parcel, tensor->data, bytes_of(tensor));
}

/* Nothing is allocated before the bytes that it is for have been seen. */
gf_status gf_parcel_tensor(gf_tensors *tensors, gf_parcel *parcel)
{
    gf_status status = GF_OK;
    gf_tensor *added = NULL;
    int64_t dims[GF_TENSOR_RANK] = { 0 };
    const char *name = gf_parcel_text(parcel);
    gf_dtype dtype = (gf_dtype)gf_parcel_number(parcel, GF_U8);
    int rank = (int)gf_parcel_number(parcel, GF_TENSOR_RANK);
    uint64_t bytes = gf_dtype_size(dtype);
    for (int i = 0; i < rank; i++) {
        dims[i] = (int64_t)gf_parcel_number(parcel, INT64_MAX);
        if (__builtin_mul_overflow(bytes, (uint64_t)dims[i], &bytes)) parcel->bad = true;
    }
    if (parcel->bad || bytes > parcel->left)
        return gf_fail(GF_CORRUPT, "tensor '%.40s': it is not all there", name);
    GF_TRY(gf_tensors_add(tensors, &added, name, dtype, rank, dims, NULL));
    gf_parcel_copy(parcel, added->data, bytes_of(added));
out:
    return status;
}
