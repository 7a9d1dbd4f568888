/* Singular values by LAPACK's divide and conquer (gesdd). LAPACK is column-major: it sees our
 * row-major a as its transpose, a^T = V S U^T, so its left vectors are our right ones and nothing
 * needs to be transposed. The Fortran symbols are declared here and nowhere else. */
#include <gridfront/kernels.h>

#include <stdlib.h>

#ifdef GF_DOUBLE
#define GESDD dgesdd_
#else
#define GESDD sgesdd_
#endif

enum { MATRIX_HOLDS_NAN = -4 }; /* gesdd's word for it, since LAPACK 3.7 */

/* The last argument is the hidden length of jobz. */
void GESDD(const char *jobz, const int *m, const int *n, gf_real *a, const int *lda, gf_real *s,
           gf_real *u, const int *ldu, gf_real *vt, const int *ldvt, gf_real *work,
           const int *lwork, int *iwork, int *info, size_t jobz_length);

gf_status gf_svd(gf_real *u, gf_real *s, gf_real *vt, gf_real *a, int rows, int columns)
{
    gf_status status = GF_OK;
    int k = rows < columns ? rows : columns, info = 0, query = -1;
    gf_real best = 0, *work = NULL;
    int *iwork = gf_alloc((size_t)8 * k, sizeof *iwork);
    GF_TRY_ALLOC(iwork);
    GESDD("S", &columns, &rows, a, &columns, s, vt, &columns, u, &k, &best, &query, iwork, &info,
          1);
    /* The size comes back as a float: one part in 2^20 more covers its rounding. */
    int size = (int)(best * (gf_real)1.000001) + 16;
    work = gf_alloc((size_t)size, sizeof *work);
    GF_TRY_ALLOC(work);
    GESDD("S", &columns, &rows, a, &columns, s, vt, &columns, u, &k, work, &size, iwork, &info, 1);
    if (info == MATRIX_HOLDS_NAN)
        status = gf_fail(GF_FAILED, "the %d x %d matrix holds a NaN: no SVD", rows, columns);
    else if (info < 0)
        status = gf_fail(GF_INTERNAL, "gesdd: argument %d is illegal", -info);
    else if (info > 0)
        status = gf_fail(GF_FAILED, "the SVD of a %d x %d matrix did not converge", rows, columns);
out:
    free(work);
    free(iwork);
    return status;
}
