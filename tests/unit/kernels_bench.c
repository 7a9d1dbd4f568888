/* The benchmark's table: its numbers are the machine's, its form is ours. */
#include "../test.h"
#include <gridfront/kernels.h>

TEST("kernels: bench", "prints a line per layer of ResNet18 and the images per second")
{
    gf_text out = { 0 };
    const gf_kernels *kernels = NULL;
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_kernels_get(&kernels));
    REQUIRE_OK(gf_kernels_bench(&out, kernels, 8, 2));
    EXPECT_CONTAINS(out.data, "3->8");
    EXPECT_CONTAINS(out.data, "64->64");
    EXPECT_CONTAINS(out.data, "images/s");
    gf_text_release(&out);
}

TEST("kernels: bench", "the measured peak of the matrix product is a plausible number")
{
    double flops = 0;
    REQUIRE_OK(gf_kernels_start(1));
    REQUIRE_OK(gf_kernels_peak(&flops));
    EXPECT(flops > 1e8 && flops < 1e13);
}
