/* One dataset of a plain HDF5 file that somebody else wrote, under the same suspicion as ours. */
#include "h5.h"

gf_status gf_store_read_dataset(gf_tensor *tensor, const char *path, const char *name)
{
    gf_status status;
    gf_h5_file file = GF_H5_CLOSED;
    gf_tensors list = { 0 };
    GF_TRY(gf_h5_open(&file, path));
    GF_TRY(gf_h5_tensor_read(&list, &file, file.id, name, GF_H5_IF_DIGEST));
    *tensor = list.items[0];
    list.count = 0; /* the data is the caller's now */
out:
    gf_h5_close(&file);
    gf_tensors_release(&list);
    return status;
}
