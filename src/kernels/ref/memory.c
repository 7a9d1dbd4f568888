/* Memory of the CPU backends: the device is the host. */
#include "../backends.h"

#include <stdlib.h>
#include <string.h>

void *gf_ref_memory_alloc(size_t size)
{
    return gf_alloc(size ? size : 1, 1);
}

void gf_ref_memory_free(void *memory)
{
    free(memory);
}

void gf_ref_upload(void *device, const void *host, size_t size)
{
    memcpy(device, host, size);
}

void gf_ref_download(void *host, const void *device, size_t size)
{
    memcpy(host, device, size);
}
