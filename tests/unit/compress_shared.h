/* Networks whose weights are shared, for the tests of the methods that share them. */
#ifndef GRIDFRONT_TESTS_COMPRESS_SHARED_H
#define GRIDFRONT_TESTS_COMPRESS_SHARED_H

#include "compress_trained.h"

#include "../../src/compress/share/share.h"

#include <gridfront/deploy.h>

static inline gf_param *param_of(gf_net *net, const char *name)
{
    return &net->params[gf_net_find_param(net, name)];
}

static inline gf_view *cluster_of(gf_net *net, const char *name)
{
    return gf_param_find_view(param_of(net, name), "cluster");
}

enum { CODES, BOOK, SCALE };

static inline gf_real *book_of(gf_net *net, const char *name)
{
    return cluster_of(net, name)->states[BOOK].data;
}

static inline void fill_normal(gf_real *values, int count, uint32_t salt)
{
    const gf_random random = { .seed = salt, .purpose = GF_PURPOSE_TEST };
    for (int i = 0; i < count; i++) values[i] = (gf_real)gf_random_normal(&random, (uint32_t)i, 0);
}

/* Bytes of the packed network, which comes back bit for bit. */
static inline size_t packed(gf_net *net)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    gf_net *back = NULL, *folded = NULL;
    EXPECT_STATUS(gf_pack(&bytes, &size, net, test_kernels()), GF_OK);
    EXPECT_STATUS(gf_unpack(&back, bytes, size, test_kernels()), GF_OK);
    EXPECT_STATUS(gf_net_copy(&folded, net), GF_OK);
    EXPECT_STATUS(gf_net_fold_bn(folded, test_kernels()), GF_OK);
    for (int i = 0; back && i < folded->param_count; i++) {
        EXPECT_STATUS(gf_param_bake(&folded->params[i], test_kernels()), GF_OK);
        EXPECT(memcmp(folded->params[i].value, back->params[i].value,
                      gf_param_count(&back->params[i]) * sizeof(gf_real)) == 0);
    }
    free(bytes);
    gf_net_destroy(back);
    gf_net_destroy(folded);
    return size;
}

#endif
