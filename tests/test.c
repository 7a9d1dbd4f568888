/* The runner. CUnit keeps the registry and the failure records; a suite whose set-up fails would
 * count as no failure there, so suites have none, and a least number of tests can be demanded. */
#include "test.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gf_test *first_test;
static gf_test *current_test;
static bool current_failed, current_skipped;
static int passed, failed, skipped;
static char folder[64];
static const char *files[64];
static int file_count;

void gf_test_register(gf_test *test)
{
    gf_test **end = &first_test;
    while (*end) end = &(*end)->next;
    *end = test;
}

bool gf_test_check(bool good, const char *file, int line, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    if (good) return true;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!current_failed) printf("FAIL %s: %s\n", current_test->suite, current_test->sentence);
    printf("     %s:%d: %s\n", file, line, message);
    CU_assertImplementation(CU_FALSE, (unsigned)line, message, file, "", CU_FALSE);
    current_failed = true;
    return false;
}

bool gf_test_equal(long long a, long long b, const char *text, const char *file, int line)
{
    return gf_test_check(a == b, file, line, "%s: %lld, %lld", text, a, b);
}

bool gf_test_near(double a, double b, double tolerance, const char *text, const char *file,
                  int line)
{
    return gf_test_check(fabs(a - b) <= tolerance, file, line,
                         "%s is %.9g, expected %.9g within %.3g", text, a, b, tolerance);
}

bool gf_test_text(const char *got, const char *want, bool part, const char *file, int line)
{
    bool good = got && (part ? strstr(got, want) != NULL : strcmp(got, want) == 0);
    return gf_test_check(good, file, line, "got      \"%s\"\n     expected %s\"%s\"",
                         got ? got : "(null)", part ? "to contain " : "", want);
}

bool gf_test_doubles(const double *got, const double *want, size_t count, double tolerance,
                     const char *file, int line)
{
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(got[i] - want[i]) / fmax(1, fabs(want[i]));
        if (isnan(difference)) difference = INFINITY;
        if (difference > most) {
            most = difference;
            worst = i;
        }
    }
    return gf_test_check(count == 0 || most <= tolerance, file, line,
                         "worst at %zu of %zu: %.9g, expected %.9g (%.3g > %.3g)", worst, count,
                         count ? got[worst] : 0, count ? want[worst] : 0, most, tolerance);
}

bool gf_test_floats(const float *got, const float *want, size_t count, double tolerance,
                    const char *file, int line)
{
    double *wide = gf_alloc(2 * count, sizeof *wide);
    for (size_t i = 0; wide && i < count; i++) {
        wide[i] = (double)got[i];
        wide[count + i] = (double)want[i];
    }
    bool good = gf_test_check(wide != NULL, file, line, "out of memory") &&
                gf_test_doubles(wide, wide + count, count, tolerance, file, line);
    free(wide);
    return good;
}

bool gf_test_status(gf_status got, gf_status want, const char *text, const char *file, int line)
{
    return gf_test_check(got == want, file, line, "%s\n     is %s, expected %s: %s (%s)", text,
                         gf_status_name(got), gf_status_name(want),
                         got == GF_OK ? "" : gf_error_message(),
                         got == GF_OK ? "" : gf_error_trail());
}

void gf_test_skip(const char *why)
{
    printf("SKIP %s: %s: %s\n", current_test->suite, current_test->sentence, why);
    current_skipped = true;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

const char *test_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/gridfront-test-XXXXXX");
        if (!mkdtemp(folder)) abort();
    }
    return folder;
}

const char *const *test_files(int *count)
{
    *count = file_count;
    return files;
}

static void run_current(void)
{
    current_failed = current_skipped = false;
    current_test->run();
    passed += !current_failed && !current_skipped;
    failed += current_failed;
    skipped += !current_failed && current_skipped;
}

static bool is_wanted(const gf_test *test, const char *filter)
{
    return !filter || strstr(test->suite, filter) || strstr(test->sentence, filter);
}

static void run_all(const char *filter)
{
    for (gf_test *test = first_test; test; test = test->next) {
        if (!is_wanted(test, filter)) continue;
        CU_pSuite suite = CU_get_suite(test->suite);
        if (!suite) suite = CU_add_suite(test->suite, NULL, NULL);
        CU_pTest added = suite ? CU_add_test(suite, test->sentence, run_current) : NULL;
        if (!added) {
            printf("FAIL %s: %s: CUnit cannot add it\n", test->suite, test->sentence);
            failed++;
            continue;
        }
        current_test = test;
        CU_run_test(suite, added);
    }
}

int main(int argc, char **argv)
{
    int least = 1;
    const char *filter = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--at-least") == 0 && i + 1 < argc)
            least = atoi(argv[++i]);
        else if (access(argv[i], R_OK) == 0 && file_count < (int)GF_COUNT(files))
            files[file_count++] = argv[i];
        else
            filter = argv[i];
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS) return 2;
    run_all(filter);
    CU_cleanup_registry();
    if (folder[0]) nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (passed + failed + skipped < least) {
        printf("FAIL only %d tests ran, %d expected\n", passed + failed + skipped, least);
        failed++;
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}
