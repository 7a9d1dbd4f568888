/* 20 steps with each optimizer beside PyTorch's on every backend of this CPU (optimizers.txt, which
 * make_optimizers.py writes, with its formulas). */
#include "../unit/train_fixture.h"
#include "numbers.h"

enum { IMAGES = 24, STEPS = 20, CLASSES = 10, COLOURS = 3, LEFT = CLASSES * (COLOURS + 1) };

static void begin(gf_net *net)
{
    for (int c = 0; c < CLASSES; c++) {
        for (int d = 0; d < COLOURS; d++)
            net->params[0].value[c * COLOURS + d] = (gf_real)(0.3 * sin(1 + 3 * c + d));
        net->params[1].value[c] = (gf_real)(0.1 * cos(c));
    }
}

/* "lr=0.5 decay=coupled" and what is the same in all cases. */
static void option_lines(char *out, size_t size, const char *words)
{
    int used =
        snprintf(out, size, "epochs = %d\nbatch = %d\nschedule.policy = constant\n", STEPS, IMAGES);
    while (*words) {
        int key = (int)strcspn(words, "="), value = (int)strcspn(words + key + 1, " ");
        used += snprintf(out + used, size - (size_t)used, "%.*s = %.*s\n", key, words, value,
                         words + key + 1);
        words += key + 1 + value;
        words += strspn(words, " ");
    }
}

static void compare(const gf_options *file, int number, const gf_kernels *kernels)
{
    fixture f;
    char key[32], options[512];
    double losses[STEPS], left[LEFT], worst = 0;
    snprintf(key, sizeof key, "options.%d", number);
    option_lines(options, sizeof options, gf_options_get(file, key));
    snprintf(key, sizeof key, "losses.%d", number);
    REQUIRE(numbers_get(losses, STEPS, file, key) == STEPS);
    snprintf(key, sizeof key, "left.%d", number);
    REQUIRE(numbers_get(left, LEFT, file, key) == LEFT);
    REQUIRE(fixture_linear(&f, options, IMAGES, 0));
    f.kernels = kernels;
    begin(f.net);
    EXPECT_STATUS(run(&f, NULL), GF_OK);
    EXPECT_EQ(f.row_count, STEPS);
    for (int s = 0; s < STEPS; s++) worst = fmax(worst, fabs(f.rows[s].train_loss - losses[s]));
    for (int k = 0; k < LEFT; k++) {
        const gf_param *p = &f.net->params[k >= CLASSES * COLOURS];
        double got = (double)p->value[k < CLASSES * COLOURS ? k : k - CLASSES * COLOURS];
        worst = fmax(worst, fabs(got - left[k]));
    }
    gf_test_check(worst <= 2e-5, __FILE__, __LINE__, "%s, case %d: off by %g", kernels->name,
                  number, worst);
    fixture_release(&f);
}

TEST("golden: optimizers", "losses and weights of 20 steps are those of PyTorch's optimizers")
{
    int cases = 0;
    gf_options *file = numbers_load("tests/golden/optimizers.txt");
    REQUIRE(file != NULL);
    for (const char *const *name = gf_kernels_names(); *name; name++) {
        const gf_kernels *kernels = NULL;
        REQUIRE_OK(gf_kernels_find(&kernels, *name));
        for (cases = 0; cases < gf_options_count(file) / 3; cases++) compare(file, cases, kernels);
    }
    EXPECT_EQ(cases, 8);
    gf_options_destroy(file);
}
