/* Least squares by the normal equations, for methods that rescale by a few hundred factors. Written
 * out rather than left to LAPACK: OpenBLAS's OpenMP builds share out such calls by the number of
 * threads, and a method's result may not depend on that. */
#include <gridfront/kernels.h>

#include <math.h>

enum { GRAM_ROWS = 8 }; /* of the result, filled in one pass over x */

static void fill_gram_rows(double *gram, const gf_real *x, int rows, int columns, size_t stride,
                           int first, int end)
{
    for (int r = 0; r < rows; r++) {
        const gf_real *row = x + (size_t)r * stride;
        for (int i = first; i < end; i++) {
            double factor = (double)row[i], *out = gram + (size_t)i * (size_t)columns;
            for (int j = 0; j <= i; j++) out[j] += factor * (double)row[j];
        }
    }
}

void gf_gram(double *gram, const gf_real *x, int rows, int columns, size_t stride)
{
    size_t n = (size_t)columns;
    for (size_t i = 0; i < n * n; i++) gram[i] = 0;
#pragma omp parallel for schedule(dynamic)
    for (int first = 0; first < columns; first += GRAM_ROWS) {
        int end = first + GRAM_ROWS < columns ? first + GRAM_ROWS : columns;
        fill_gram_rows(gram, x, rows, columns, stride, first, end);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j];
}

/* Cholesky: a = L L^T, L in the lower triangle. False: a pivot is not positive. */
static bool factorize(double *a, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double pivot = a[j * n + j];
        for (size_t k = 0; k < j; k++) pivot -= a[j * n + k] * a[j * n + k];
        if (!(pivot > 0)) return false;
        a[j * n + j] = sqrt(pivot);
        for (size_t i = j + 1; i < n; i++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = sum / a[j * n + j];
        }
    }
    return true;
}

gf_status gf_solve_symmetric(double *b, double *a, int n)
{
    size_t size = (size_t)n;
    if (!factorize(a, size))
        return gf_fail(GF_FAILED, "a system of %d equations is not positive definite", n);
    for (size_t i = 0; i < size; i++) {
        for (size_t k = 0; k < i; k++) b[i] -= a[i * size + k] * b[k];
        b[i] /= a[i * size + i];
    }
    for (size_t i = size; i-- > 0;) {
        for (size_t k = i + 1; k < size; k++) b[i] -= a[k * size + i] * b[k];
        b[i] /= a[i * size + i];
    }
    return GF_OK;
}
