/* Artifacts as files: any bytes, with length and digest put right as an attacker would. HDF5 may
 * crash on them: in the reader's process, which makes them corrupt. */
#include "../../src/store/h5.h"
#include "nets.h"

#include <unistd.h>

enum { HEAD = 512 };

const int fuzz_short = 400;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + HEAD);
    gf_artifact artifact = { 0 };
    gf_net *net = NULL;
    memcpy(bytes, data, size);
    if (size > HEAD) gf_h5_head(bytes, HEAD, "gridfront artifact", "1", size - HEAD, bytes + HEAD);
    gf_status status = gf_artifact_load(&artifact, fuzz_file("artifact.h5", bytes, size));
    FUZZ_REQUIRE(status == GF_OK || status == GF_CORRUPT || status == GF_NOMEM);
    if (status == GF_OK && gf_net_load(&net, &artifact) == GF_OK) fuzz_use_net(net);
    gf_net_destroy(net);
    gf_artifact_release(&artifact);
    free(bytes);
    return 0;
}

static void add_net(fuzz_corpus *corpus, gf_net *net)
{
    char path[128];
    gf_artifact artifact = { 0 };
    if (corpus->count > 3) return;
    snprintf(path, sizeof path, "%s/real.h5", fuzz_folder());
    FUZZ_REQUIRE(gf_net_save(net, &artifact) == GF_OK);
    FUZZ_REQUIRE(artifact.facts || (artifact.facts = gf_options_create()));
    FUZZ_REQUIRE(gf_options_set(artifact.facts, "metric.accuracy", "0.5") == GF_OK);
    FUZZ_REQUIRE(gf_artifact_save(path, &artifact) == GF_OK);
    fuzz_add_file(corpus, path);
    gf_artifact_release(&artifact);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    fuzz_each_net(corpus, add_net);
}
