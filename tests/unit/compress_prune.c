/* compress, pruning: thresholds by sorting, norms by loops, groups with counts known from the
 * architecture, shrunk networks against masked ones. */
#include "compress_nets.h"

/* ---- magnitude ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t count_zeros(const gf_param *param)
{
    size_t zeros = 0, count = gf_param_count(param);
    gf_real *values = gf_alloc(count, sizeof *values);
    gf_param_effective(param, test_kernels(), values);
    for (size_t i = 0; i < count; i++) zeros += values[i] == 0;
    free(values);
    return zeros;
}

/* Sorted magnitudes of all weights; the caller frees. */
static double *sorted_magnitudes(const gf_net *net, size_t *count)
{
    double *all = gf_alloc((size_t)cost_of(net).weights, sizeof *all);
    *count = 0;
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_WEIGHT)
            for (size_t k = 0; k < gf_param_count(&net->params[i]); k++)
                all[(*count)++] = fabs((double)net->params[i].value[k]);
    qsort(all, *count, sizeof *all, ascending);
    return all;
}

TEST("compress: magnitude", "global pruning masks exactly what lies below the sorted threshold")
{
    gf_net *net = small_net(SMALL, 16);
    size_t count, wrong = 0;
    REQUIRE(net);
    double *sorted = sorted_magnitudes(net, &count);
    size_t masked = (size_t)llround(0.7 * (double)count);
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.7\n", NULL, NULL, 0));
    for (int i = 0; i < net->param_count; i++) {
        const gf_param *p = &net->params[i];
        if (p->role != GF_ROLE_WEIGHT) {
            EXPECT_EQ(p->view_count, 0);
            continue;
        }
        const uint8_t *mask = p->views[0].states[0].data;
        for (size_t k = 0; k < gf_param_count(p); k++)
            wrong += mask[k] != (fabs((double)p->value[k]) >= sorted[masked]);
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(cost_of(net).nonzeros, (int64_t)(count - masked));
    free(sorted);
    gf_net_destroy(net);
}

TEST("compress: magnitude", "local pruning masks the same fraction of every layer")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.25\nscope = local\n", NULL, NULL, 0));
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].role == GF_ROLE_WEIGHT)
            EXPECT_EQ(count_zeros(&net->params[i]),
                      llround(0.25 * (double)gf_param_count(&net->params[i])));
    gf_net_destroy(net);
}

TEST("compress: magnitude", "of equal magnitudes the first are masked, in the order of the network")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    gf_param *p = &net->params[0];
    for (size_t k = 0; k < gf_param_count(p); k++) p->value[k] = k % 2 ? 0.5f : -0.5f;
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.5\nscope = local\n", NULL, NULL, 0));
    const uint8_t *mask = p->views[0].states[0].data;
    for (size_t k = 0; k < gf_param_count(p); k++) EXPECT_EQ(mask[k], k >= gf_param_count(p) / 2);
    gf_net_destroy(net);
}

TEST("compress: magnitude", "pruning again keeps what was masked and adds to it up to the amount")
{
    gf_net *net = small_net(SMALL, 16), *once = small_net(SMALL, 16);
    REQUIRE(net && once);
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.3\n", NULL, NULL, 0));
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.6\n", NULL, NULL, 0));
    REQUIRE_OK(apply_method(once, "magnitude", "amount = 0.6\n", NULL, NULL, 0));
    gf_real *twice = logits_of(net), *direct = logits_of(once);
    EXPECT_EQ(net->params[0].view_count, 1);
    EXPECT_FLOATS(twice, direct, IMAGES * 10, 0);
    free(twice);
    free(direct);
    gf_net_destroy(net);
    gf_net_destroy(once);
}

/* ---- groups ---- */

static int count_groups(const gf_channel_groups *groups, bool internal)
{
    int count = 0;
    for (int i = 0; i < groups->count; i++)
        count += groups->items[i].prunable && groups->items[i].internal == internal;
    return count;
}

static void expect_groups(const char *model, int internal, int shared)
{
    gf_channel_groups groups = { 0 };
    gf_net *net = small_net(model, 32);
    REQUIRE(net);
    REQUIRE_OK(gf_channel_groups_find(&groups, net));
    EXPECT_EQ(count_groups(&groups, true), internal);
    EXPECT_EQ(count_groups(&groups, false), shared);
    gf_channel_groups_release(&groups);
    gf_net_destroy(net);
}

TEST("compress: groups", "a ResNet has one group inside each block and one stream per stage")
{
    expect_groups("arch = resnet18\nwidth = 8\n", 8, 4);
    expect_groups("arch = resnet20\n", 9, 3);
    expect_groups("arch = resnet18\nwidth = 8\nseparable = all\n", 8, 4);
}

TEST("compress: groups", "padded shortcuts keep the streams that they join, not the blocks")
{
    expect_groups("arch = resnet20\nshortcut = pad\n", 9, 0);
}

TEST("compress: groups", "grouped convolutions ask for the same positions in every block")
{
    gf_channel_groups groups = { 0 };
    gf_net *net = small_net("arch = resnet18\nwidth = 8\ngroups = 4\n", 32);
    REQUIRE(net);
    REQUIRE_OK(gf_channel_groups_find(&groups, net));
    const int odd[] = { 0, 1, 2, 3 }, even[] = { 0, 2, 4, 6 };
    for (int i = 0; i < groups.count; i++) {
        if (!groups.items[i].internal || !groups.items[i].prunable) continue;
        EXPECT_EQ(groups.items[i].multiple, 4);
        if (groups.items[i].channels != 8) continue;
        EXPECT_STATUS(gf_channel_group_keep(net, &groups.items[i], odd, 4), GF_INVALID);
        EXPECT_STATUS(gf_channel_group_keep(net, &groups.items[i], even, 4), GF_OK);
    }
    gf_channel_groups_release(&groups);
    gf_net_destroy(net);
}

TEST("compress: groups", "input and logits are never pruned")
{
    gf_channel_groups groups = { 0 };
    gf_net *net = small_net(SMALL, 16);
    const int one = 0;
    REQUIRE(net);
    REQUIRE_OK(gf_channel_groups_find(&groups, net));
    EXPECT(!groups.items[0].prunable);
    EXPECT(!groups.items[groups.count - 1].prunable);
    EXPECT_STATUS(gf_channel_group_keep(net, &groups.items[0], &one, 1), GF_INVALID);
    gf_channel_groups_release(&groups);
    gf_net_destroy(net);
}

/* ---- filters ---- */

TEST("compress: filter-l1", "counts of ResNet18 are those of the reference table")
{
    static const struct {
        const char *options;
        int64_t parameters;
        double millions;
    } rows[] = { { "amount = 0.5\n", 5679306, 281.7 },
                 { "amount = 0.7\n", 3487434, 171.6 },
                 { "amount = 0.9\n", 1283466, 62.2 } };
    for (size_t i = 0; i < GF_COUNT(rows); i++) {
        gf_net *net = small_net("arch = resnet18\n", 32);
        REQUIRE(net);
        REQUIRE_OK(apply_method(net, "filter-l1", rows[i].options, NULL, NULL, 0));
        EXPECT_EQ(cost_of(net).parameters, rows[i].parameters);
        EXPECT_NEAR((double)cost_of(net).macs / 1e6, rows[i].millions, 0.05);
        gf_net_destroy(net);
    }
}

static double norm_of(const gf_param *weight, int filter)
{
    size_t size = gf_param_count(weight) / (size_t)weight->dims[0];
    double sum = 0;
    for (size_t k = 0; k < size; k++) sum += fabs((double)weight->value[(size_t)filter * size + k]);
    return sum;
}

TEST("compress: filter-l1", "the filters that stay are those of largest norm, in their order")
{
    gf_net *net = small_net(SMALL, 16), *dense = small_net(SMALL, 16);
    REQUIRE(net && dense);
    REQUIRE_OK(apply_method(net, "filter-l1", "amount = 0.5\n", NULL, NULL, 0));
    int index = gf_net_find_param(net, "layer2.0.conv1.weight"), kept = 0;
    const gf_param *after = &net->params[index], *before = &dense->params[index];
    REQUIRE(before->dims[0] == 16 && after->dims[0] == 8);
    for (int f = 0; f < 16; f++) {
        int larger = 0;
        for (int g = 0; g < 16; g++) larger += norm_of(before, g) > norm_of(before, f);
        if (larger < 8) EXPECT_NEAR(norm_of(after, kept++), norm_of(before, f), 0);
    }
    EXPECT_EQ(kept, 8);
    gf_net_destroy(net);
    gf_net_destroy(dense);
}

TEST("compress: filter-l1", "min_channels stops it, and the residual stream is pruned when asked")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "filter-l1", "amount = 0.9\nscope = all\nmin_channels = 4\n", NULL,
                            NULL, 0));
    for (int n = 1; n < net->node_count - 2; n++) EXPECT_EQ(net->nodes[n].shape.channels, 4);
    gf_net_destroy(net);
}

/* ---- masked equals shrunk ---- */

/* Drops the positions p with p % 3 == 1 of every group. */
static bool shrinks_to_the_same(const char *model)
{
    gf_channel_groups groups = { 0 };
    gf_net *net = small_net(model, 16);
    int keep[2048], groups_cut = 0;
    if (!net || gf_channel_groups_find(&groups, net) != GF_OK) return false;
    for (int i = 0; i < groups.count; i++)
        for (int c = 0; groups.items[i].prunable && c < groups.items[i].channels; c++)
            if (c % (groups.items[i].channels / groups.items[i].multiple) % 3 == 1)
                switch_off(net, &groups.items[i], c);
    gf_real *masked = logits_of(net);
    for (int i = 0; i < groups.count; i++) {
        const gf_channel_group *group = &groups.items[i];
        int kept = 0;
        for (int c = 0; c < group->channels && c < 2048; c++)
            if (c % (group->channels / group->multiple) % 3 != 1) keep[kept++] = c;
        if (!group->prunable) continue;
        EXPECT_STATUS(gf_channel_group_keep(net, group, keep, kept), GF_OK);
        groups_cut++;
    }
    gf_real *shrunk = logits_of(net);
    double off = difference(shrunk, masked);
    free(masked);
    free(shrunk);
    gf_channel_groups_release(&groups);
    gf_net_destroy(net);
    EXPECT_NEAR(off, 0, 2e-5);
    return groups_cut > 1;
}

TEST("compress: shrink", "a network without switched-off channels has the same logits")
{
    EXPECT(shrinks_to_the_same(SMALL));
    EXPECT(shrinks_to_the_same("arch = resnet18\nwidth = 8\nblocks = 2,2,2\n"));
    EXPECT(shrinks_to_the_same("arch = resnet18\nwidth = 16\nblocks = 2,1\ngroups = 4\n"));
    EXPECT(shrinks_to_the_same("arch = resnet18\nwidth = 8\nblocks = 1,2\nseparable = all\n"));
    EXPECT(shrinks_to_the_same("arch = resnet20\nblocks = 1,2\nshortcut = pad\n"));
    EXPECT(shrinks_to_the_same("arch = mobilenet-v2\nwidth = 0.25\n"));
    EXPECT(shrinks_to_the_same("arch = resnet18\nwidth = 8\nblocks = 1,1\nseparable = spatial\n"));
}

/* Cuts the groups one by one, found again each time: concatenations move what comes later. */
static bool shrinks_one_by_one(const char *model)
{
    gf_net *net = small_net(model, 32);
    gf_channel_groups groups = { 0 };
    int cut = 0, keep[512];
    if (!net || gf_channel_groups_find(&groups, net) != GF_OK) return false;
    for (int i = 0; i < groups.count; i++)
        for (int c = 1; groups.items[i].prunable && c < groups.items[i].channels; c += 3)
            switch_off(net, &groups.items[i], c);
    gf_real *masked = logits_of(net);
    for (int i = 0; i < groups.count; i++) {
        const gf_channel_group *group = &groups.items[i];
        int kept = 0;
        for (int c = 0; c < group->channels && c < 512; c++)
            if (c % 3 != 1) keep[kept++] = c;
        if (group->prunable) EXPECT_STATUS(gf_channel_group_keep(net, group, keep, kept), GF_OK);
        cut += group->prunable;
        gf_channel_groups_release(&groups);
        EXPECT_STATUS(gf_channel_groups_find(&groups, net), GF_OK);
    }
    gf_real *shrunk = logits_of(net);
    EXPECT_NEAR(difference(shrunk, masked), 0, 2e-5);
    free(masked);
    free(shrunk);
    gf_channel_groups_release(&groups);
    gf_net_destroy(net);
    return cut > 5;
}

TEST("compress: shrink", "channels that are laid behind each other are cut wherever they are read")
{
    EXPECT(shrinks_one_by_one("arch = squeezenet\nwidth = 0.25\n"));
    EXPECT(shrinks_one_by_one("arch = densenet\nlayers = 2\ngrowth = 6\n"));
}

TEST("compress: shrink", "masks are cut along with the filters that they belong to")
{
    gf_net *net = small_net(SMALL, 16);
    REQUIRE(net);
    REQUIRE_OK(apply_method(net, "magnitude", "amount = 0.6\n", NULL, NULL, 0));
    REQUIRE_OK(apply_method(net, "filter-l1", "amount = 0.5\nscope = all\n", NULL, NULL, 0));
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i].view_count)
            EXPECT(net->params[i].views[0].kind->check(&net->params[i].views[0], &net->params[i]));
    gf_real *logits = logits_of(net);
    EXPECT(isfinite(logits[0]));
    free(logits);
    gf_net_destroy(net);
}
