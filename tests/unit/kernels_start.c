/* Choice of the backend, OpenBLAS, threads, and the SVD. */
#include "../test.h"
#include <gridfront/kernels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

TEST("kernels: dispatch", "GRIDFRONT_ISA chooses, and an unknown word is refused by name")
{
    const gf_kernels *kernels = NULL;
    setenv("GRIDFRONT_ISA", "portable", 1);
    REQUIRE_OK(gf_kernels_get(&kernels));
    EXPECT_TEXT(kernels->name, "portable");
    setenv("GRIDFRONT_ISA", "mmx", 1);
    EXPECT_STATUS(gf_kernels_get(&kernels), GF_UNSUPPORTED);
    EXPECT_CONTAINS(gf_error_message(), "mmx");
    unsetenv("GRIDFRONT_ISA");
}

TEST("kernels: dispatch", "without a wish the last of the runnable backends is taken")
{
    const gf_kernels *kernels = NULL;
    const char *const *names = gf_kernels_names();
    unsetenv("GRIDFRONT_ISA");
    EXPECT_TEXT(names[0], "ref");
    while (names[1]) names++;
    REQUIRE_OK(gf_kernels_get(&kernels));
    EXPECT_TEXT(kernels->name, names[0]);
}

TEST("kernels: dispatch", "a table has no holes")
{
    for (const char *const *name = gf_kernels_names(); *name; name++) {
        const gf_kernels *kernels = NULL;
        REQUIRE_OK(gf_kernels_find(&kernels, *name));
        EXPECT_TEXT(kernels->name, *name);
        void *const *slots = (void *const *)kernels;
        for (size_t i = 0; i < sizeof *kernels / sizeof *slots; i++) EXPECT(slots[i] != NULL);
    }
}

TEST("kernels: start", "the class names the backend, OpenBLAS's core type and version")
{
    char text[128], isa[16], core[64];
    int major, minor, patch;
    REQUIRE_OK(gf_kernels_start(2));
    gf_kernels_class(text);
    EXPECT_EQ(sscanf(text, "%15s %63s %d.%d.%d", isa, core, &major, &minor, &patch), 5);
}

TEST("kernels: start", "threads are those asked for, or those that affinity allows")
{
    REQUIRE_OK(gf_kernels_start(3));
    EXPECT_EQ(gf_kernels_threads(), 3);
    REQUIRE_OK(gf_kernels_start(0));
    EXPECT(gf_kernels_threads() >= 1);
}

enum { SIDE_MAX = 40 };

static void expect_reconstruction(int rows, int columns)
{
    float a[SIDE_MAX * SIDE_MAX], kept[SIDE_MAX * SIDE_MAX], u[SIDE_MAX * SIDE_MAX];
    float s[SIDE_MAX], vt[SIDE_MAX * SIDE_MAX], product[SIDE_MAX * SIDE_MAX];
    int k = rows < columns ? rows : columns;
    gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < rows * columns; i++)
        a[i] = kept[i] = (float)gf_random_normal(&random, 0, (uint32_t)i);
    REQUIRE_OK(gf_svd(u, s, vt, a, rows, columns));
    memset(product, 0, sizeof product);
    for (int i = 0; i < rows; i++)
        for (int r = 0; r < k; r++)
            for (int j = 0; j < columns; j++)
                product[i * columns + j] += u[i * k + r] * s[r] * vt[r * columns + j];
    EXPECT_FLOATS(product, kept, (size_t)rows * columns, 1e-4);
    for (int r = 1; r < k; r++) EXPECT(s[r] <= s[r - 1] && s[r] >= 0);
}

TEST("kernels: svd", "u * s * vt is the matrix again, s descends")
{
    expect_reconstruction(12, 7);
    expect_reconstruction(7, 12);
    expect_reconstruction(40, 40);
    expect_reconstruction(1, 9);
}

TEST("kernels: svd", "a matrix with a NaN is refused, not returned")
{
    float a[4] = { 1, NAN, 3, 4 }, u[4], s[2], vt[4];
    EXPECT_STATUS(gf_svd(u, s, vt, a, 2, 2), GF_FAILED);
}
