/* Options texts: what comes back parses again to the same text. */
#include "fuzz.h"

const int fuzz_short = 10000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gf_options *options = NULL, *again = NULL;
    char *text = malloc(size + 1), *first = NULL, *second = NULL;
    memcpy(text, data, size);
    text[size] = '\0';
    if (gf_options_parse(&options, text) == GF_OK) {
        FUZZ_REQUIRE((first = gf_options_text(options)) != NULL);
        FUZZ_REQUIRE(gf_options_parse(&again, first) == GF_OK);
        FUZZ_REQUIRE((second = gf_options_text(again)) != NULL);
        FUZZ_REQUIRE(!strcmp(first, second));
    }
    gf_options_destroy(again);
    gf_options_destroy(options);
    free(second);
    free(first);
    free(text);
    return 0;
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    static const char *const texts[] = { "epochs = 3\nlr = 0.1\n", "augment.0 = crop\nname =\n",
                                         "a = b = c\n\n", "pid = 1\nbeat = 1e9\n" };
    for (size_t i = 0; i < GF_COUNT(texts); i++) fuzz_add(corpus, texts[i], strlen(texts[i]));
}
