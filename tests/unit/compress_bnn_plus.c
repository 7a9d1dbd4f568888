/* compress, BNN+: the slope of its sign and its penalty by finite differences, what follows from
 * them in a step, and that training learns through both. */
#include "compress_binary.h"

/* SwishSign itself, as the paper's equation has it. */
static double swish_sign(double x, double beta)
{
    double s = 1 / (1 + exp(-beta * x));
    return 2 * s * (1 + beta * x * (1 - s)) - 1;
}

TEST("compress: bnn-plus", "the sign's slope is that of SwishSign by finite differences")
{
    const double h = 1e-5;
    for (double beta = 1; beta < 12; beta += 4.5)
        for (double x = -4; x < 4; x += 0.0371) {
            double want = (swish_sign(x + h, beta) - swish_sign(x - h, beta)) / (2 * h);
            EXPECT_NEAR(gf_swish_sign_slope((gf_real)x, (gf_real)beta), want, 2e-5);
        }
    EXPECT_NEAR(gf_swish_sign_slope(0, 5), 5, 0);
    EXPECT(fabs((double)gf_swish_sign_slope(1e30f, 100)) < 1e-30); /* no overflow, no NaN */
    gf_real d_in[5];
    const gf_real x[5] = { 0, -0.5f, 1, 0.25f, -3 };
    sign_gradient(d_in, x, (gf_sign_attributes){ .slope = GF_SIGN_SLOPE_SWISH, .beta = 5 });
    for (int i = 0; i < 5; i++)
        EXPECT_NEAR(d_in[i], (i + 1) * (double)gf_swish_sign_slope(x[i], 5), 1e-6);
}

/* What a loss of sum d * a sign(w) and the penalty say of one filter, for its scale. */
static double penalized(double a, const gf_real *w, const gf_real *d, int count,
                        const gf_binary_options *o)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        double distance = fabs(a - fabs((double)w[i]));
        sum += (double)d[i] * (w[i] >= 0 ? a : -a);
        sum += o->strength * (o->penalty == GF_BINARY_PENALTY_L2 ? distance * distance : distance);
    }
    return sum;
}

TEST("compress: bnn-plus", "scale and weights get the penalty's gradient by finite differences")
{
    const gf_real d_out[6] = { 1, 2, 3, 4, 5, -6 };
    const double h = 1e-4;
    for (int penalty = GF_BINARY_PENALTY_L1; penalty <= GF_BINARY_PENALTY_L2; penalty++) {
        const gf_binary_options o = { .scale = GF_BINARY_SCALE_LEARNED,
                                      .penalty = penalty,
                                      .strength = 0.25 };
        gf_net *net = net_of(weights);
        gf_real d_in[6], moved[3];
        REQUIRE(net);
        gf_param *p = &net->params[0];
        REQUIRE_OK(gf_binarize(p, &o, test_kernels()));
        EXPECT_FLOATS(p->value, weights, 6, 0);
        gf_real *scale = p->views[0].states[0].data, *slope = p->views[0].states[1].data;
        EXPECT_FLOATS(scale, ((gf_real[]){ 0.5f, 2 }), 2, 0);
        scale[0] = 0.6f; /* no weight's magnitude: a kink */
        p->views[0].kind->backward(&p->views[0], p, test_kernels(), d_in, d_out, p->value);
        for (int f = 0; f < 2; f++) {
            const gf_real *w = weights + 3 * f, *d = d_out + 3 * f;
            double a = (double)scale[f];
            double above_a = penalized(a + h, w, d, 3, &o), below_a = penalized(a - h, w, d, 3, &o);
            EXPECT_NEAR(slope[f], (above_a - below_a) / (2 * h) / sqrt(3), 1e-5);
            for (int i = 0; i < 3; i++) { /* without d: its derivative is the rule's */
                if (w[i] == 0) continue;
                const gf_real none[3] = { 0 };
                memcpy(moved, w, sizeof moved);
                moved[i] = w[i] + (gf_real)h;
                double above = penalized(a, moved, none, 3, &o);
                moved[i] = w[i] - (gf_real)h;
                double below = penalized(a, moved, none, 3, &o);
                EXPECT_NEAR(d_in[3 * f + i] - d[i], (above - below) / (2 * h), 1e-3);
            }
        }
        gf_net_destroy(net);
    }
}

TEST("compress: bnn-plus", "a scale follows its gradient by SGD, and masked weights have no say")
{
    const uint8_t mask[6] = { 1, 1, 0, 1, 1, 1 };
    const gf_binary_options o = { .scale = GF_BINARY_SCALE_LEARNED,
                                  .penalty = GF_BINARY_PENALTY_L2,
                                  .strength = 0.1 };
    const gf_update update = { .rate = 0.1f, .momentum = 0.9f };
    const gf_real none[6] = { 0 };
    gf_net *net = net_of(weights);
    gf_view *first;
    gf_real d_in[6];
    REQUIRE(net);
    gf_param *p = &net->params[0];
    REQUIRE_OK(gf_param_add_first_view(p, &first, "mask", NULL));
    REQUIRE_OK(gf_view_add_state(first, "mask", GF_U8, 4, (int64_t[]){ 2, 1, 1, 3 }, mask));
    REQUIRE_OK(gf_binarize(p, &o, test_kernels()));
    gf_view *view = gf_param_find_view(p, "binary");
    gf_real *scale = view->states[0].data;
    scale[0] = 1;
    double a = 1, velocity = 0;
    for (int step = 0; step < 3; step++) { /* R is least at the mean of 0.5 and 1 */
        view->kind->backward(view, p, test_kernels(), d_in, none, p->value);
        velocity = 0.9 * velocity + 0.1 * 2 * (a - 0.5 + a - 1) / sqrt(3);
        a -= 0.1 * velocity;
        view->kind->after_update(view, p, test_kernels(), &update);
        EXPECT_NEAR(scale[0], a, 1e-6);
    }
    ((gf_real *)view->states[1].data)[0] = -1e6f; /* no larger than its weights */
    p->value[1] = -7;
    view->kind->after_update(view, p, test_kernels(), &update);
    EXPECT_NEAR(scale[0], 1, 0);
    EXPECT_NEAR(p->value[1], -1, 0);
    gf_binarize_finish(p);
    EXPECT_EQ(view->state_count, 1);
    EXPECT(view->kind->check(view, p));
    gf_net_destroy(net);
}

/* Mean distance of |w| from the scale of its filter, in scales. */
static double spread_of(gf_net *net)
{
    double sum = 0, count = 0;
    for (int i = 0; i < net->param_count; i++) {
        gf_param *p = &net->params[i];
        const gf_view *view = gf_param_find_view(p, "binary");
        if (!view) continue;
        EXPECT_EQ(view->state_count, 1);
        size_t row = gf_param_count(p) / (size_t)p->dims[0];
        for (size_t k = 0; k < gf_param_count(p); k++, count++)
            sum += fabs(fabs((double)p->value[k]) /
                            (double)((const gf_real *)view->states[0].data)[k / row] -
                        1);
    }
    return sum / count;
}

TEST("compress: bnn-plus",
     "it learns, its weights gather at their scales, and what learned is gone")
{
    gf_net *net = trained_net(), *drawn = trained_net();
    REQUIRE(net && drawn);
    REQUIRE_OK(apply_method(net, "bnn-plus", LEARNS, images_of(), NULL, 0));
    REQUIRE_OK(apply_method(drawn, "bnn-plus", LEARNS "penalty = l2\nstrength = 0.001\n",
                            images_of(), NULL, 0));
    double spread[2] = { spread_of(net), spread_of(drawn) };
    printf("bnn-plus %.3f, with more penalty %.3f; spread of |w| / a %.3f and %.3f\n",
           accuracy(net), accuracy(drawn), spread[0], spread[1]);
    EXPECT(accuracy(net) > 0.2);
    EXPECT(spread[1] < spread[0]);
    gf_net_destroy(net);
    gf_net_destroy(drawn);
}
