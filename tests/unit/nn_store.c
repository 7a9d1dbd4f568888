/* nn: networks as graph text and tensors, and hostile ones. */
#include "nn_nets.h"

/* ---- storing ---- */

TEST("nn: store", "a network comes back with the same bits")
{
    gf_net *net = build("arch = resnet18\nwidth = 8\nseparable = late\nshortcut = pad");
    gf_net *back = NULL;
    gf_artifact artifact = { 0 }, again = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    REQUIRE_OK(gf_net_load(&back, &artifact));
    expect_same_logits(net, back);
    REQUIRE_OK(gf_net_save(back, &again));
    EXPECT_TEXT(again.graph, artifact.graph);
    EXPECT_TEXT(gf_artifact_hash(&again).hex, gf_artifact_hash(&artifact).hex);
    gf_artifact_release(&artifact);
    gf_artifact_release(&again);
    gf_net_destroy(net);
    gf_net_destroy(back);
}

static const char *const hostile[] = {
    "",
    "gridfront-net 2\n",
    "gridfront-net 1\n",
    "gridfront-net 1\ninput 32 32\n",
    "gridfront-net 1\ninput -1 32 3\n",
    "gridfront-net 1\ninput 32 32 3\ninput 32 32 3\n",
    "gridfront-net 1\nnode a relu 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 1 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0,0,0,0,0,0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a nonsense 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0 7\n",
    "gridfront-net 1\ninput 32 32 3\nnode a bn 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a input 0 - -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a conv 0 0 - filters=0\n",
    "gridfront-net 1\ninput 32 32 3\nnode a conv 0 0 - filters=8 kernel_height=99999999999\n",
    "gridfront-net 1\ninput 32 32 3\nparam w weight 1 1000000,1000000,1000000\n",
    "gridfront-net 1\ninput 32 32 3\nview 0 mask -\n",
    "gridfront-net 1\ninput 32 32 3\nnode  a relu 0 0 -\n",
    "gridfront-net 1\ninput 32 32 3\nnode a relu 0 0 -\nnode a relu 0 1 -\n",
};

TEST("nn: store", "a hostile graph is an error, never a crash")
{
    for (size_t i = 0; i < GF_COUNT(hostile); i++) {
        gf_net *net = NULL;
        gf_artifact artifact = { .graph = gf_strdup(hostile[i]) };
        EXPECT_STATUS(gf_net_load(&net, &artifact), GF_CORRUPT);
        gf_artifact_release(&artifact);
    }
}

TEST("nn: store", "a graph cut at any place is an error or a smaller network")
{
    gf_net *net = build("arch = resnet20");
    gf_artifact artifact = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    size_t size = strlen(artifact.graph);
    for (size_t cut = size - 1; cut > 0; cut -= cut > 97 ? 97 : cut) {
        gf_net *back = NULL;
        artifact.graph[cut] = '\0';
        gf_status status = gf_net_load(&back, &artifact);
        EXPECT(status == GF_OK || status == GF_CORRUPT);
        gf_net_destroy(back);
    }
    gf_artifact_release(&artifact);
    gf_net_destroy(net);
}

static void expect_ok_or_corrupt(const gf_artifact *artifact, const char *what)
{
    gf_net *net = NULL;
    gf_status status = gf_net_load(&net, artifact);
    gf_test_check(status == GF_OK || status == GF_CORRUPT, __FILE__, __LINE__, "%s: %s", what,
                  gf_error_message());
    gf_net_destroy(net);
}

TEST("nn: store", "a graph with one byte changed is an error or another network, never a crash")
{
    gf_net *net = build("arch = resnet18\nwidth = 2\nblocks = 1,1\nshortcut = pad");
    static const char bytes[] = "0129,- =\n#a\xff";
    const gf_random random = { .seed = 9, .purpose = GF_PURPOSE_TEST };
    gf_artifact artifact = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    uint32_t size = (uint32_t)strlen(artifact.graph);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t at = gf_random_below(&random, i, 0, size);
        char kept = artifact.graph[at];
        artifact.graph[at] = bytes[gf_random_below(&random, i, 1, sizeof bytes - 1)];
        expect_ok_or_corrupt(&artifact, "one byte");
        artifact.graph[at] = kept;
    }
    gf_artifact_release(&artifact);
    gf_net_destroy(net);
}

TEST("nn: store", "a tensor that is missing, of another type or another shape is refused")
{
    gf_net *net = build("arch = resnet18\nwidth = 2\nblocks = 1,1"), *back = NULL;
    gf_artifact artifact = { 0 };
    REQUIRE_OK(gf_net_save(net, &artifact));
    gf_tensor *tensor = &artifact.tensors.items[3], kept = *tensor;
    snprintf(tensor->name, sizeof tensor->name, "lost");
    EXPECT_STATUS(gf_net_load(&back, &artifact), GF_CORRUPT);
    *tensor = kept;
    tensor->dtype = GF_I32;
    EXPECT_STATUS(gf_net_load(&back, &artifact), GF_CORRUPT);
    *tensor = kept;
    tensor->dims[0]++;
    EXPECT_STATUS(gf_net_load(&back, &artifact), GF_CORRUPT);
    *tensor = kept;
    REQUIRE_OK(gf_net_load(&back, &artifact));
    gf_net_destroy(back);
    gf_artifact_release(&artifact);
    gf_net_destroy(net);
}
