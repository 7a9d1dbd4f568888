/* Runs a harness without libFuzzer: real inputs, then mutations of them, a given number from a
 * given seed, so that a run can be repeated anywhere. A child does the work; the input that it is
 * at lies in memory shared with its parent, which keeps it when the child crashes or hangs.
 * No coverage leads it: that is libFuzzer's business.
 *
 *   HARNESS [--runs N] [--seed N]   mutations (default: the harness's fuzz_short, 1)
 *   HARNESS --seeds DIR             writes the real inputs there, a corpus for libFuzzer
 *   HARNESS FILE...                 runs these inputs alone, in this process */
#include "fuzz.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MOST = 4 << 20, HANG_SECONDS = 20, CRASHES_MOST = 5 };

typedef struct shared {
    uint64_t run; /* the one under way */
    size_t size;
    uint8_t input[INPUT_MOST];
} shared;

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=2048:allocator_may_return_null=0:handle_abort=1";
}

/* ---- mutation ---- */

static uint32_t draw(uint64_t *state, uint32_t bound) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return bound ? (uint32_t)((z ^ (z >> 31)) % bound) : 0;
}

static size_t replace_span(uint8_t *data, size_t size, size_t at, size_t old, const void *fresh,
                           size_t fresh_size)
{
    if (size - old + fresh_size > INPUT_MOST) return size;
    memmove(data + at + fresh_size, data + at + old, size - at - old);
    memcpy(data + at, fresh, fresh_size);
    return size - old + fresh_size;
}

/* A run of digits becomes a number that somebody forgot. */
static size_t mutate_number(uint8_t *data, size_t size, size_t at, uint64_t *state)
{
    static const char *const numbers[] = { "0",          "-1",         "1",
                                           "2147483647", "4294967296", "9223372036854775807",
                                           "1e308",      "0.5",        "65536" };
    for (size_t look = 0; look < size; look++, at = (at + 1) % size) {
        size_t digits = 0;
        while (at + digits < size && data[at + digits] >= '0' && data[at + digits] <= '9') digits++;
        if (!digits) continue;
        const char *fresh = numbers[draw(state, GF_COUNT(numbers))];
        return replace_span(data, size, at, digits, fresh, strlen(fresh));
    }
    return size;
}

static size_t mutate_once(uint8_t *data, size_t size, const fuzz_corpus *corpus, uint64_t *state)
{
    static const uint32_t words[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xff };
    uint8_t span[256];
    if (size < 8) return replace_span(data, size, 0, 0, "1", 1);
    size_t at = draw(state, (uint32_t)size - 4), length = 1 + draw(state, 64);
    if (length > size - at) length = size - at;
    switch (draw(state, 8)) {
    case 0:
        data[at] ^= (uint8_t)(1u << draw(state, 8));
        return size;
    case 1:
        data[at] = (uint8_t)draw(state, 256);
        return size;
    case 2:
        memcpy(data + at, &words[draw(state, GF_COUNT(words))], 4);
        return size;
    case 3:
        return replace_span(data, size, at, length, NULL, 0);
    case 4: /* again, elsewhere */
        memcpy(span, data + at, length);
        return replace_span(data, size, draw(state, (uint32_t)size), 0, span, length);
    case 5:
        return mutate_number(data, size, at, state);
    case 6:
        return draw(state, 8) ? size : at; /* cut short, now and then */
    default: {                             /* a piece of another input */
        int other = (int)draw(state, (uint32_t)corpus->count);
        size_t from = draw(state, (uint32_t)corpus->sizes[other]);
        if (length > corpus->sizes[other] - from) length = corpus->sizes[other] - from;
        return replace_span(data, size, at, draw(state, 2) ? length < size - at ? length : 0 : 0,
                            corpus->inputs[other] + from, length);
    }
    }
}

static void make_input(shared *at, const fuzz_corpus *corpus, uint64_t seed, uint64_t run)
{
    uint64_t state = seed * 0x2545f4914f6cdd1du + run;
    int from =
        run < (uint64_t)corpus->count ? (int)run : (int)draw(&state, (uint32_t)corpus->count);
    at->size = corpus->sizes[from] < INPUT_MOST ? corpus->sizes[from] : INPUT_MOST;
    memcpy(at->input, corpus->inputs[from], at->size);
    if (run < (uint64_t)corpus->count) return;
    for (uint32_t i = 0, count = 1 + draw(&state, 6); i < count; i++)
        at->size = mutate_once(at->input, at->size, corpus, &state);
}

/* ---- running ---- */

/* Processor time of this process: a machine that is busy with others makes nothing a hang. */
static void expect_end(void)
{
    const struct itimerval limit = { .it_value = { .tv_sec = HANG_SECONDS } };
    setitimer(ITIMER_PROF, &limit, NULL);
}

static void run_one(const uint8_t *input, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1); /* to the byte: reading behind it is found */
    if (!copy) abort();
    memcpy(copy, input, size);
    expect_end();
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void work(shared *at, const fuzz_corpus *corpus, uint64_t seed, uint64_t runs)
{
    for (; at->run < runs; at->run++) {
        make_input(at, corpus, seed, at->run);
        run_one(at->input, at->size);
    }
    exit(0); /* with the search for leaks */
}

static void keep_crash(const shared *at, const char *name, int ended)
{
    char path[512];
    mkdir("build", 0777);
    snprintf(path, sizeof path, "build/fuzz-%s-%.8s", name, gf_hash(at->input, at->size).hex);
    if (gf_file_write(path, at->input, at->size) != GF_OK) snprintf(path, sizeof path, "nowhere");
    printf("FAIL fuzz %s: input %llu ended by %s %d; kept as %s\n", name,
           (unsigned long long)at->run, WIFSIGNALED(ended) ? "signal" : "exit",
           WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended), path);
}

static int run_all(const char *name, const fuzz_corpus *corpus, uint64_t seed, uint64_t runs)
{
    int crashes = 0, ended = 1;
    shared *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    runs += (uint64_t)corpus->count;
    while (crashes < CRASHES_MOST) {
        fflush(NULL);
        pid_t child = fork();
        if (child < 0) abort();
        if (child == 0) work(at, corpus, seed, runs);
        while (waitpid(child, &ended, 0) != child) continue;
        if (ended == 0) break;
        keep_crash(at, name, ended);
        crashes++;
        if (at->run++ >= runs) break; /* it was the search for leaks */
    }
    printf("%s: %llu inputs, %d of them real\n", name, (unsigned long long)at->run, corpus->count);
    printf("%d passed, %d failed, 0 skipped\n", crashes == 0, crashes);
    return crashes != 0;
}

static int write_seeds(const fuzz_corpus *corpus, const char *to)
{
    char path[512];
    if (gf_folder_make(to) != GF_OK) return 1;
    for (int i = 0; i < corpus->count; i++) {
        snprintf(path, sizeof path, "%s/real-%03d", to, i);
        if (gf_file_write(path, corpus->inputs[i], corpus->sizes[i]) != GF_OK) return 1;
    }
    printf("%d inputs in %s\n", corpus->count, to);
    return 0;
}

static int run_file(const char *path)
{
    char *data = NULL;
    size_t size = 0;
    if (gf_file_read(&data, &size, path, 1 << 30) != GF_OK) {
        fprintf(stderr, "%s\n", gf_error_message());
        return 1;
    }
    run_one((const uint8_t *)data, size);
    free(data);
    printf("%s: came back\n", path);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t runs = (uint64_t)fuzz_short, seed = 1;
    fuzz_corpus corpus = { 0 };
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    fuzz_folder();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--runs") && i + 1 < argc) {
            runs = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--seeds") && i + 1 < argc) {
            fuzz_seeds(&corpus);
            return write_seeds(&corpus, argv[++i]);
        } else {
            return run_file(argv[i]);
        }
    }
    fuzz_seeds(&corpus);
    if (!corpus.count) fuzz_add(&corpus, "", 0);
    return run_all(name, &corpus, seed, runs);
}
