/* nn, schedules: every policy against the formula of its paper, written out here once more with the
 * paper's own letters (k0, k1: bounds; l: half a cycle; g: gamma; p: power; t of T), at many
 * points.
 */
#include "train_policy.h"

enum { POINTS = 2000 };
static const double T = 40, pi = 3.14159265358979323846;

typedef double formula(double t);

static void expect_formula(const char *name, const char *options, formula *want)
{
    policy p = policy_open(name, options);
    double worst = 0, at = 0;
    for (int i = 0; p.kind && i < POINTS; i++) {
        double t = T * i / POINTS, error = fabs(policy_factor(&p, t, T) - want(t));
        if (!(error <= worst)) worst = error, at = t;
    }
    gf_test_check(p.kind && worst <= 1e-12, __FILE__, __LINE__, "%s is off by %g at %g", name,
                  worst, at);
    policy_release(&p);
}

/* ---- decays ---- */

static double fix(double t)
{
    (void)t;
    return 1;
}

static double step(double t)
{
    double k = 1;
    for (int l = 7; l <= t; l += 7) k *= 0.3;
    return k;
}

static double nstep(double t)
{
    return t < 5 ? 1 : t < 12.5 ? 0.2 : t < 33 ? 0.2 * 0.2 : 0.2 * 0.2 * 0.2;
}

static double exponential(double t)
{
    return exp(t * log(0.9));
}

static double inv(double t)
{
    return 1 / exp(0.6 * log(1 + 0.1 * t));
}

static double poly(double t)
{
    return exp(1.5 * log(1 - t / T));
}

static double cosine(double t)
{
    double half = cos(pi * t / T / 2); /* (1 + cos 2a) / 2 = cos^2 a */
    return 0.1 + 0.9 * half * half;
}

static double line(double t)
{
    return 0.2 * t / T + (1 - t / T);
}

TEST("schedules: decays", "constant, step, multi-step, exp, inv, poly, cosine, linear (1908.06477)")
{
    expect_formula("constant", "", fix);
    expect_formula("step", "size = 7\ngamma = 0.3\n", step);
    expect_formula("multi-step", "at = 5,12.5,33\ngamma = 0.2\n", nstep);
    expect_formula("exp", "gamma = 0.9\n", exponential);
    expect_formula("inv", "gamma = 0.1\npower = 0.6\n", inv);
    expect_formula("poly", "power = 1.5\n", poly);
    expect_formula("cosine", "final = 0.1\n", cosine);
    expect_formula("linear", "final = 0.2\n", line);
}

/* ---- cycles ---- */

#define CYCLE "half = 3\nlow = 0.2\n"
static const double k0 = 0.2, k1 = 1, l = 3, g = 0.95;

/* The triangle as 1506.01186 programs it. */
static double smith(double t)
{
    double cycle = floor(1 + t / (2 * l)), x = fabs(t / l - 2 * cycle + 1);
    return fmax(0, 1 - x);
}

/* The triangle as 1908.06477 writes it. */
static double tri(double t)
{
    return k0 + (k1 - k0) * 2 / pi * fabs(asin(sin(pi * t / (2 * l))));
}

static double tri2(double t)
{
    double scale = 1;
    for (double end = 2 * l; end <= t; end += 2 * l) scale /= 2;
    return k0 + (k1 - k0) * smith(t) * scale;
}

static double triexp(double t)
{
    return k0 + (k1 - k0) * smith(t) * exp(t * log(g));
}

static double exp_range(double t)
{
    return exp(t * log(g)) * k0 + (exp(t * log(g)) * k1 - exp(t * log(g)) * k0) * smith(t);
}

static double arch(double t)
{
    return sqrt((1 - cos(pi * t / l)) / 2); /* |sin a|, a = pi t / 2l */
}

static double sine(double t)
{
    return k0 + (k1 - k0) * arch(t);
}

static double sine2(double t)
{
    return k0 + (k1 - k0) * arch(t) / pow(2, floor(t / (2 * l)));
}

static double sinexp(double t)
{
    return k0 + (k1 - k0) * arch(t) * exp(t * log(g));
}

TEST("schedules: cycles", "triangles and sines, halved and decaying (1506.01186, 1908.06477)")
{
    expect_formula("triangular", CYCLE, tri);
    expect_formula("triangular2", CYCLE, tri2);
    expect_formula("triangular-exp", CYCLE "gamma = 0.95\n", triexp);
    expect_formula("exp-range", CYCLE "gamma = 0.95\n", exp_range);
}

TEST("schedules: cycles", "arches of a sine, halved and decaying (1908.06477)")
{
    expect_formula("sin", CYCLE, sine);
    expect_formula("sin2", CYCLE, sine2);
    expect_formula("sin-exp", CYCLE "gamma = 0.95\n", sinexp);
}

/* ---- restarts, one cycle, ramps ---- */

static double sgdr(double t)
{
    double begin = t < 4 ? 0 : t < 12 ? 4 : t < 28 ? 12 : 28;
    double period = t < 4 ? 4 : t < 12 ? 8 : t < 28 ? 16 : 32;
    return 0.05 + 0.5 * 0.95 * (1 + cos(pi * (t - begin) / period));
}

static double equal_periods(double t)
{
    double half = cos(pi * fmod(t, 5) / 10);
    return half * half;
}

static double onecycle(double t)
{
    double low = 1.0 / 20, end = low / 100;
    double share = t < 12 ? t / 12 : 1 - (t - 12) / 28, bottom = t < 12 ? low : end;
    return bottom + (1 - bottom) * (1 - cos(pi * share)) / 2;
}

static double log_ramp(double t)
{
    return 0.001 * exp(t / T * log(1000));
}

static double linear_ramp(double t)
{
    return 0.001 * (1 - t / T) + t / T;
}

TEST("schedules: restarts", "periods that double and periods that do not (1608.03983)")
{
    expect_formula("sgdr", "period = 4\nmultiply = 2\nlow = 0.05\n", sgdr);
    expect_formula("sgdr", "period = 5\nmultiply = 1\n", equal_periods);
}

TEST("schedules: one cycle", "up and down along half cosines (1708.07120), ramps (1506.01186)")
{
    expect_formula("onecycle", "rise = 0.3\ndivide = 20\nend_divide = 100\n", onecycle);
    expect_formula("ramp", "low = 0.001\n", log_ramp);
    expect_formula("ramp", "low = 0.001\nshape = linear\n", linear_ramp);
}

TEST("schedules: all", "each policy of the registry stays between nothing and the rate, and ends")
{
    int count = 0;
    for (const gf_schedule_kind *const *kind = gf_schedule_kinds; *kind; kind++, count++) {
        policy p = policy_open((*kind)->schema.name, "");
        bool good = p.kind != NULL;
        for (int i = 0; good && i <= POINTS; i++) {
            double factor = policy_factor(&p, T * i / POINTS, T);
            good = factor >= 0 && factor <= 1 + 1e-12;
        }
        gf_test_check(good, __FILE__, __LINE__, "%s leaves [0, 1]", (*kind)->schema.name);
        policy_release(&p);
    }
    EXPECT(count >= 18);
}

/* ---- lists of epochs ---- */

static const char *reason(const char *options)
{
    static char text[256];
    policy p = policy_open("multi-step", options);
    bool good = p.kind && p.kind->check(p.options, T) == GF_OK;
    snprintf(text, sizeof text, "%s", good ? "" : gf_error_message());
    policy_release(&p);
    return text;
}

TEST("schedules: lists", "epochs that do not ascend, and what is no list, are refused")
{
    EXPECT_TEXT(reason(""), "");
    EXPECT_TEXT(reason("at = 7\n"), "");
    EXPECT_CONTAINS(reason("at = 5,5\n"), "epochs must be above 0 and ascend");
    EXPECT_CONTAINS(reason("at = -1,5\n"), "epochs must be above 0 and ascend");
    EXPECT_CONTAINS(reason("at = \n"), "is no list of epochs");
    EXPECT_CONTAINS(reason("at = 5,x\n"), "at = 5,x is no list of epochs");
}
