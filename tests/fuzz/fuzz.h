/* What a harness is: one function that takes any bytes at all and must come back, and real inputs
 * to start from.
 *
 * libFuzzer (`make fuzz`, clang) calls LLVMFuzzerTestOneInput for as long as one likes, led by
 * coverage; driver.c calls it from `make test` for a moment with any compiler. */
#ifndef GRIDFRONT_TESTS_FUZZ_H
#define GRIDFRONT_TESTS_FUZZ_H

#include <gridfront/base.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct fuzz_corpus { /* copies of real inputs */
    char **inputs;
    size_t *sizes;
    int count;
} fuzz_corpus;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const int fuzz_short; /* mutations in a short run: a few seconds */
void fuzz_seeds(fuzz_corpus *corpus);
void fuzz_add(fuzz_corpus *corpus, const void *data, size_t size);
/* The file's bytes, where it is there. */
void fuzz_add_file(fuzz_corpus *corpus, const char *path);

/* What must hold of every input, whatever it is; the input counts as a crash when it does not. */
#define FUZZ_REQUIRE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A folder in memory where there is one, of this process, for readers that want files. */
const char *fuzz_folder(void);
/* Writes fuzz_folder()/name and returns its path: borrowed until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t size);

#endif
