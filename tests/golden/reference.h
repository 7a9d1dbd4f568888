/* A golden file in memory: what PyTorch computed in float64 (format: make_golden.py). */
#ifndef GRIDFRONT_TESTS_GOLDEN_REFERENCE_H
#define GRIDFRONT_TESTS_GOLDEN_REFERENCE_H

#include <gridfront/nn.h>

typedef struct reference_tensor {
    char name[128]; /* "value:layer1.0.conv1" */
    size_t count;
    gf_real *data;
} reference_tensor;

typedef struct reference {
    const char *path; /* borrowed */
    gf_options *options;
    reference_tensor *tensors;
    int count;
} reference;

/* NOTFOUND, CORRUPT. */
gf_status reference_load(reference *r, const char *path);
void reference_release(reference *r);
/* NULL: absent, or not of this many values (0: any). `kind` is "value", "gradient", ... */
const gf_real *reference_get(const reference *r, const char *kind, const char *name, size_t count);
double reference_number(const reference *r, const char *key); /* an option */
/* The network that the file describes, with the weights before the first step. */
gf_status reference_net(gf_net **net, const reference *r);

#endif
