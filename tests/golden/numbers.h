/* Golden text files: lines "key = number number ...". */
#ifndef GRIDFRONT_TESTS_GOLDEN_NUMBERS_H
#define GRIDFRONT_TESTS_GOLDEN_NUMBERS_H

#include <gridfront/base.h>

#include <stdlib.h>

/* NULL: cannot be read. */
static inline gf_options *numbers_load(const char *path)
{
    char *text = NULL;
    size_t size;
    gf_options *options = NULL;
    if (gf_file_read(&text, &size, path, 1 << 20) == GF_OK &&
        gf_options_parse(&options, text) != GF_OK)
        options = NULL;
    free(text);
    return options;
}

/* Numbers behind "key = "; how many. */
static inline int numbers_get(double *out, int most, const gf_options *file, const char *key)
{
    const char *text = gf_options_get(file, key);
    int count = 0;
    for (char *end; text && count < most; text = end, count++) {
        out[count] = strtod(text, &end);
        if (end == text) break;
    }
    return count;
}

#endif
