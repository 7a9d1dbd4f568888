/* Intervals over seeds and images, and how sure a place on the front is. */
#include <gridfront/pareto.h>

#include <math.h>
#include <stdlib.h>

/* Continued fraction of the incomplete beta function (Lentz; Abramowitz and Stegun 26.5.8). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double result = d;
    for (int m = 1; m < 300; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double numerator = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                                   : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + numerator * d;
            c = 1 + numerator / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            result *= c * d;
        }
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return result;
}

static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(|T| > t) for Student's t. */
static double t_tail(double t, int freedom)
{
    return incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
}

/* t with P(|T| > t) = tail, by bisection. */
static double t_quantile(double tail, int freedom)
{
    double low = 0, high = 1;
    while (t_tail(high, freedom) > tail) high *= 2;
    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2;
        *(t_tail(middle, freedom) > tail ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

gf_estimate gf_estimate_seeds(const double *values, int count)
{
    gf_estimate estimate = { .mean = NAN, .half = NAN };
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        sum += values[i];
        estimate.samples++;
    }
    if (estimate.samples == 0) return estimate;
    estimate.mean = sum / estimate.samples;
    if (estimate.samples == 1) return estimate;
    for (int i = 0; i < count; i++)
        if (!isnan(values[i])) squares += (values[i] - estimate.mean) * (values[i] - estimate.mean);
    double deviation = sqrt(squares / (estimate.samples - 1));
    estimate.half =
        t_quantile(0.05, estimate.samples - 1) * deviation / sqrt((double)estimate.samples);
    return estimate;
}

/* Wilson 1927; the interval is not symmetric around the fraction: half is the larger side. */
gf_estimate gf_estimate_binomial(double fraction, int images)
{
    gf_estimate estimate = { .mean = fraction, .half = NAN, .samples = 1, .binomial = true };
    const double z = 1.959963984540054;
    if (images <= 0 || isnan(fraction)) return estimate;
    double n = images, centre = (fraction + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n));
    estimate.half = fmax(centre + half - fraction, fraction - (centre - half));
    return estimate;
}

/* Means of `seeds` draws with replacement, the same draw for every point. */
static void draw_means(double *means, const double *values, const int *drawn, int points, int seeds,
                       int objectives)
{
    for (int p = 0; p < points; p++)
        for (int k = 0; k < objectives; k++) {
            double sum = 0;
            for (int s = 0; s < seeds; s++) sum += values[(p * seeds + drawn[s]) * objectives + k];
            means[p * objectives + k] = sum / seeds;
        }
}

gf_status gf_front_probability(double *probability, const double *values, const gf_goal *goals,
                               int points, int seeds, int objectives, int draws,
                               const gf_random *random)
{
    gf_status status = GF_OK;
    double *means = gf_alloc((size_t)(points * objectives), sizeof *means);
    bool *front = gf_alloc((size_t)points, sizeof *front);
    int *drawn = gf_alloc((size_t)seeds, sizeof *drawn);
    GF_TRY_ALLOC(means && front && drawn);
    for (int p = 0; p < points; p++) probability[p] = 0;
    for (int d = 0; d < draws; d++) {
        for (int s = 0; s < seeds; s++)
            drawn[s] = (int)gf_random_below(random, (uint32_t)d, (uint32_t)s, (uint32_t)seeds);
        draw_means(means, values, drawn, points, seeds, objectives);
        GF_TRY(gf_front_find(front, means, goals, points, objectives));
        for (int p = 0; p < points; p++) probability[p] += front[p];
    }
    for (int p = 0; p < points; p++) probability[p] /= draws;
out:
    free(means);
    free(front);
    free(drawn);
    return status;
}
