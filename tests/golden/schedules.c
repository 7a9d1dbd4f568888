/* Every policy that PyTorch has a scheduler for, beside its rates (schedules.txt, which
 * make_schedules.py writes). */
#include "../unit/train_policy.h"
#include "numbers.h"

enum { EPOCHS = 50 };

/* "step size=7 gamma=0.3" -> its options as lines; *name is cut off in place. */
static void split(char *name, char *options, size_t size)
{
    size_t used = 0;
    strtok(name, " ");
    options[0] = '\0';
    for (char *word; (word = strtok(NULL, " "));) {
        char *sign = strchr(word, '=');
        used += (size_t)snprintf(options + used, size - used, "%.*s = %s\n", (int)(sign - word),
                                 word, sign + 1);
    }
}

/* Scores of an epoch, of which the policy looks at one. */
static gf_scores scores_of(const gf_options *file, int epoch)
{
    double accuracy[EPOCHS] = { 0 }, loss[EPOCHS] = { 0 };
    EXPECT_EQ(numbers_get(accuracy, EPOCHS, file, "metric.accuracy"), EPOCHS);
    EXPECT_EQ(numbers_get(loss, EPOCHS, file, "metric.loss"), EPOCHS);
    return (gf_scores){ .loss = loss[epoch], .accuracy = accuracy[epoch] };
}

static void compare(const gf_options *file, const char *key)
{
    char name[256], options[256];
    double want[EPOCHS] = { 0 }, worst = 0;
    gf_schedule_memory memory = { .factor = 1 };
    snprintf(name, sizeof name, "%s", key);
    split(name, options, sizeof options);
    policy p = policy_open(name, options);
    EXPECT_EQ(numbers_get(want, EPOCHS, file, key), EPOCHS);
    for (int epoch = 0; p.kind && epoch < EPOCHS; epoch++) {
        double got = memory.factor * policy_factor(&p, epoch, EPOCHS);
        worst = fmax(worst, fabs(got - want[epoch]));
        if (!p.kind->observe) continue;
        gf_scores scores = scores_of(file, epoch);
        p.kind->observe(p.options, &memory, &scores);
    }
    gf_test_check(p.kind && worst <= 1e-12, __FILE__, __LINE__, "%s: off by %g", key, worst);
    policy_release(&p);
}

TEST("golden: schedules", "rates are those of PyTorch's schedulers")
{
    int compared = 0;
    gf_options *file = numbers_load("tests/golden/schedules.txt");
    REQUIRE(file != NULL);
    for (int i = 0; i < gf_options_count(file); i++)
        if (strncmp(gf_options_key(file, i), "metric.", 7) != 0) {
            compare(file, gf_options_key(file, i));
            compared++;
        }
    EXPECT_EQ(compared, 12);
    gf_options_destroy(file);
}
