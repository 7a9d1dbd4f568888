/* One dataset of a plain HDF5 file that somebody else wrote, under the same suspicion as ours. */
#include "h5.h"
#include "parcel.h"

typedef struct wanted {
    const char *path, *name;
    gf_tensors *list;
} wanted;

static gf_status read_dataset(gf_parcel_out *parcel, void *context)
{
    gf_status status;
    const wanted *want = context;
    gf_h5_file file = GF_H5_CLOSED;
    gf_tensors list = { 0 };
    GF_TRY(gf_h5_open(&file, want->path));
    GF_TRY(gf_h5_tensor_read(&list, &file, file.id, want->name, GF_H5_IF_DIGEST));
    gf_parcel_put_tensor(parcel, &list.items[0]);
out:
    gf_h5_close(&file);
    gf_tensors_release(&list);
    return status;
}

static gf_status take_dataset(gf_parcel *parcel, void *context)
{
    const wanted *want = context;
    return gf_parcel_tensor(want->list, parcel);
}

gf_status gf_store_read_dataset(gf_tensor *tensor, const char *path, const char *name)
{
    gf_status status;
    gf_tensors list = { 0 };
    wanted want = { path, name, &list };
    GF_TRY(gf_read_apart(path, read_dataset, take_dataset, &want));
    *tensor = list.items[0];
    list.count = 0; /* the data is the caller's now */
out:
    gf_tensors_release(&list);
    return status;
}
