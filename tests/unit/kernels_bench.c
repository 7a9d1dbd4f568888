/* The benchmark of the kernels: its times are the machine's, what it times is ours. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <stdlib.h>
#include <string.h>

typedef struct rows {
    gf_kernel_time *times;
    int count;
} rows;

static rows bench(int width, int batch)
{
    rows r = { 0 };
    const gf_kernels *kernels = NULL;
    EXPECT_STATUS(gf_kernels_start(1), GF_OK);
    EXPECT_STATUS(gf_kernels_get(&kernels), GF_OK);
    EXPECT_STATUS(gf_kernels_bench(&r.times, &r.count, kernels, width, batch), GF_OK);
    return r;
}

/* Multiply-accumulates of one image in the forward passes of ResNet18's convolutions. */
static double forward_macs(const rows *r, int batch)
{
    double flop = 0;
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->times[i].pass, "forward") == 0) flop += r->times[i].count * r->times[i].flop;
    return flop / 2 / batch;
}

TEST("kernels: bench", "the layers timed are all of ResNet18's convolutions")
{
    rows r = bench(8, 2);
    EXPECT_EQ(forward_macs(&r, 2), 8871936); /* counted layer by layer, by hand */
    free(r.times);
}

TEST("kernels: bench", "every layer has three passes and BN, but the image no gradient")
{
    rows r = bench(8, 2);
    int to_input = 0, bn = 0;
    for (int i = 0; i < r.count; i++) {
        to_input += strcmp(r.times[i].pass, "to input") == 0;
        bn += strcmp(r.times[i].pass, "bn+relu") == 0;
        EXPECT(r.times[i].seconds > 0);
    }
    EXPECT_EQ(r.count, 4 * 11 - 1);
    EXPECT_EQ(to_input, 10);
    EXPECT_EQ(bn, 11);
    free(r.times);
}

TEST("kernels: bench", "a layer's bytes are its operands once: x, weights and y")
{
    rows r = bench(8, 2);
    const gf_kernel_time *t = &r.times[0]; /* the stem's forward pass */
    EXPECT_EQ(t->channels, 3);
    EXPECT_EQ(t->bytes, 4.0 * (2 * 32 * 32 * 3 + 8 * 9 * 3 + 2 * 32 * 32 * 8));
    EXPECT_EQ(t->flop, 2.0 * 2 * 32 * 32 * 8 * 9 * 3);
    free(r.times);
}

TEST("kernels: bench", "the machine's arithmetic is a plausible number in every variant")
{
    REQUIRE_OK(gf_kernels_start(1));
    for (const char *const *name = gf_kernels_names(); *name; name++) {
        const gf_kernels *kernels = NULL;
        REQUIRE_OK(gf_kernels_find(&kernels, *name));
        double flops = gf_machine_flops(kernels);
        EXPECT(flops > 1e7 && flops < 1e13);
    }
}

TEST("kernels: bench", "so are OpenBLAS's, and what memory brings")
{
    double flops = 0, bandwidth = 0;
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_machine_blas_flops(&flops));
    REQUIRE_OK(gf_machine_bandwidth(&bandwidth));
    EXPECT(flops > 1e7 && flops < 1e13);
    EXPECT(bandwidth > 1e6 && bandwidth < 1e13);
}
