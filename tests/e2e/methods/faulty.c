/* A method that goes wrong in the ways that a stage can: for the tests of the farm alone. It is
 * built into build/faulty/gridfront and into nothing else. */
#include <gridfront/method.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOW_NOTHING, HOW_SEGV, HOW_HANG, HOW_MEMORY, HOW_FAIL, HOW_WHILE };

typedef struct faulty_options {
    int how;
} faulty_options;

static void hang(void)
{
    for (;;) pause();
}

static gf_status eat_memory(void)
{
    for (;;) {
        char *block = malloc(1 << 22);
        if (!block) return gf_fail(GF_NOMEM, "out of memory");
        memset(block, 1, 1 << 22);
    }
}

static gf_status apply(const gf_method_call *call, const void *options_)
{
    const faulty_options *options = options_;
    (void)call;
    gf_log(GF_INFO, "faulty", "about to go wrong");
    if (options->how == HOW_SEGV) raise(SIGSEGV);
    if (options->how == HOW_HANG) hang();
    if (options->how == HOW_MEMORY) return eat_memory();
    if (options->how == HOW_WHILE && access(getenv("FAULTY_WHILE"), F_OK) == 0) raise(SIGSEGV);
    if (options->how == HOW_FAIL) return gf_fail(GF_FAILED, "it was asked to fail");
    return GF_OK;
}

static const gf_field fields[] = {
    GF_FIELD_WORD(faulty_options, how, "nothing", "nothing|segv|hang|memory|fail|while",
                  "goes wrong; while: there is a file $FAULTY_WHILE"),
    GF_FIELD_END,
};

const gf_method gf_method_faulty = {
    .schema = { .name = "faulty", .summary = "goes wrong, for tests", .fields = fields },
    .options_size = sizeof(faulty_options),
    .stage = "prune",
    .example = "{ prune : { method = \"faulty\"; how = \"nothing\"; }; }",
    .needs = GF_FACT_TRAINED,
    .apply = apply,
};
