/* Graph texts of networks. Input: the text; every parameter and state that it names gets a tensor
 * of the shape that it claims, so that what lies behind that check is reached. */
#include "nets.h"

enum { ELEMENTS_MOST = 1 << 16 };

static void add_tensor(gf_artifact *artifact, const char *name, int rank, const int64_t *dims)
{
    int64_t count = 1;
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 0 || dims[d] > ELEMENTS_MOST) return;
        count *= dims[d] ? dims[d] : 1;
        if (count > ELEMENTS_MOST) return;
    }
    gf_tensor *added = NULL;
    if (gf_tensors_add(&artifact->tensors, &added, name, GF_F32, rank, dims, NULL) != GF_OK) return;
    for (int64_t i = 0; i < gf_tensor_count(added); i++)
        ((float *)added->data)[i] = (float)(i % 7) - 3;
}

/* "param NAME ROLE TRAINABLE 1,2,3" */
static void add_param(gf_artifact *artifact, const char *line)
{
    char name[GF_TENSOR_NAME], shape[64];
    int64_t dims[GF_TENSOR_RANK] = { 0 };
    int rank = 0;
    if (sscanf(line, "param %95s %*s %*s %63s", name, shape) != 2) return;
    for (char *at = shape; rank < GF_TENSOR_RANK && *at && *at != '-';) {
        dims[rank++] = strtoll(at, &at, 10);
        if (*at++ != ',') break;
    }
    add_tensor(artifact, name, rank, dims);
}

static void add_tensors(gf_artifact *artifact, const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "param ", 6) == 0) add_param(artifact, line);
    }
}

const int fuzz_short = 2000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gf_artifact artifact = { .graph = calloc(1, size + 1) };
    gf_net *net = NULL;
    memcpy(artifact.graph, data, size);
    add_tensors(&artifact, artifact.graph);
    if (gf_net_load(&net, &artifact) == GF_OK) fuzz_use_net(net);
    gf_net_destroy(net);
    gf_artifact_release(&artifact);
    return 0;
}

static void add_net(fuzz_corpus *corpus, gf_net *net)
{
    gf_artifact artifact = { 0 };
    FUZZ_REQUIRE(gf_net_save(net, &artifact) == GF_OK);
    fuzz_add(corpus, artifact.graph, strlen(artifact.graph));
    gf_artifact_release(&artifact);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    fuzz_each_net(corpus, add_net);
}
