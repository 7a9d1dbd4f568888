/* Tests are sentences:
 *
 *   TEST("base: options", "a value with a line break is refused") { EXPECT(...); }
 *
 * A thin layer over CUnit: a test registers itself; EXPECT goes on after a failure, REQUIRE leaves
 * the test. The last line of a program counts: "12 passed, 0 failed, 1 skipped".
 * Arguments: [--at-least N] [part of a name] [FILE...]: files that data-driven tests run on. */
#ifndef GRIDFRONT_TESTS_TEST_H
#define GRIDFRONT_TESTS_TEST_H

#include <gridfront/base.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct gf_test {
    const char *suite, *sentence, *file;
    void (*run)(void);
    struct gf_test *next;
} gf_test;
void gf_test_register(gf_test *test);

#define TEST_JOIN_(a, b)      a##b
#define TEST_JOIN(a, b)       TEST_JOIN_(a, b)
#define TEST(suite, sentence) TEST_NAMED(TEST_JOIN(test_, __LINE__), suite, sentence)
#define TEST_NAMED(id, suite_, sentence_)                                                          \
    static void id(void);                                                                          \
    __attribute__((constructor)) static void TEST_JOIN(id, _register)(void)                        \
    {                                                                                              \
        static gf_test test = {                                                                    \
            .suite = suite_, .sentence = sentence_, .file = __FILE__, .run = id                    \
        };                                                                                         \
        gf_test_register(&test);                                                                   \
    }                                                                                              \
    static void id(void)

bool gf_test_check(bool good, const char *file, int line, const char *format, ...) GF_PRINTF(4, 5);
bool gf_test_equal(long long a, long long b, const char *text, const char *file, int line);
bool gf_test_near(double a, double b, double tolerance, const char *text, const char *file,
                  int line);
bool gf_test_text(const char *got, const char *want, bool part, const char *file, int line);
bool gf_test_floats(const float *got, const float *want, size_t count, double tolerance,
                    const char *file, int line);
bool gf_test_doubles(const double *got, const double *want, size_t count, double tolerance,
                     const char *file, int line);
bool gf_test_status(gf_status got, gf_status want, const char *text, const char *file, int line);
void gf_test_skip(const char *why);
/* A fresh folder of this program, removed at its end. */
const char *test_folder(void);
/* The arguments that are files. */
const char *const *test_files(int *count);

#define EXPECT(condition) ((void)gf_test_check((condition), __FILE__, __LINE__, "%s", #condition))
#define EXPECT_EQ(a, b)                                                                            \
    ((void)gf_test_equal((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__))
#define EXPECT_NEAR(a, b, tolerance)                                                               \
    ((void)gf_test_near((double)(a), (double)(b), (tolerance), #a, __FILE__, __LINE__))
#define EXPECT_TEXT(got, want)      ((void)gf_test_text((got), (want), false, __FILE__, __LINE__))
#define EXPECT_CONTAINS(text, part) ((void)gf_test_text((text), (part), true, __FILE__, __LINE__))
/* |got - want| <= tolerance * max(1, |want|); prints the index of the worst. */
#define EXPECT_FLOATS(got, want, count, tolerance)                                                 \
    ((void)_Generic((got), double *: gf_test_doubles, const double *: gf_test_doubles,             \
                    default: gf_test_floats)((const void *)(got), (const void *)(want), (count),   \
                                             (tolerance), __FILE__, __LINE__))
#define EXPECT_STATUS(expression, want)                                                            \
    ((void)gf_test_status((expression), (want), #expression, __FILE__, __LINE__))
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!gf_test_check((condition), __FILE__, __LINE__, "%s", #condition)) return;             \
    } while (0)
#define REQUIRE_OK(expression)                                                                     \
    do {                                                                                           \
        if (!gf_test_status((expression), GF_OK, #expression, __FILE__, __LINE__)) return;         \
    } while (0)
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        gf_test_skip(why);                                                                         \
        return;                                                                                    \
    } while (0)

#endif
