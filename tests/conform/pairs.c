/* Methods in ordered pairs: the second applied after the first, or refused with a reason; and after
 * both the invariants of a compressed network. Pairs are those with one representative of each way
 * to touch a network, in both orders. With GRIDFRONT_PAIRS=FILE (make check-pairs) they are all
 * pairs, on a network that has learned something, and the file says what became of each. */
#include "method_bench.h"

/* A rewrite, a weight view, an activation node, a loss term. */
static const char *const representatives[] = { "filter-l1", "magnitude", "ptq", "kd" };

static bool is_representative(const gf_method *method)
{
    for (size_t i = 0; i < GF_COUNT(representatives); i++)
        if (strcmp(representatives[i], method->schema.name) == 0) return true;
    return false;
}

static double accuracy_of(gf_net *net)
{
    gf_scores scores = { 0 };
    EXPECT_STATUS(gf_evaluate(&scores, net, bench_get()->data, GF_VALIDATION, test_kernels()),
                  GF_OK);
    return scores.accuracy;
}

static void log_net(gf_text *log, gf_net *net)
{
    gf_cost cost = cost_of(net);
    unsigned char *bytes = NULL;
    size_t size = 0;
    EXPECT_STATUS(gf_pack(&bytes, &size, net, test_kernels()), GF_OK);
    gf_text_append(log, "%5.1f %% %8lld %9lld %9zu", 100 * accuracy_of(net),
                   (long long)cost.nonzeros, (long long)cost.macs, size);
    free(bytes);
}

static gf_net *dense_net(void)
{
    gf_net *net = NULL;
    EXPECT_STATUS(gf_net_copy(&net, bench_get()->trained), GF_OK);
    return net;
}

/* Applies `second` to a copy of what `first` left. True: it can follow. */
static bool expect_pair(const gf_net *after_first, const gf_method *first, const gf_method *second,
                        const gf_cost *dense, gf_text *log)
{
    gf_net *net = NULL;
    unsigned facts = GF_FACT_TRAINED;
    char whose[96];
    snprintf(whose, sizeof whose, "%s after %s", second->schema.name, first->schema.name);
    EXPECT_STATUS(gf_method_follow(first, &facts), GF_OK);
    gf_text_append(log, "%-20s %-20s ", first->schema.name, second->schema.name);
    if (gf_method_follow(second, &facts) != GF_OK) {
        EXPECT_CONTAINS(gf_error_message(), second->schema.name);
        EXPECT(strlen(gf_error_message()) > 30);
        gf_text_append(log, "refused: %s\n", gf_error_message());
        return false;
    }
    EXPECT_STATUS(gf_net_copy(&net, after_first), GF_OK);
    int64_t before = cost_of(net).weights - (int64_t)count_masked(net);
    bool good = gf_test_status(apply(net, second), GF_OK, second->schema.name, __FILE__, __LINE__);
    if (good) expect_invariants(net, dense, whose);
    int64_t after = cost_of(net).weights - (int64_t)count_masked(net);
    gf_test_check(good && after <= before, __FILE__, __LINE__,
                  "%s: %lld weights unmasked, %lld before", whose, (long long)after,
                  (long long)before);
    log_net(log, net);
    gf_text_append(log, "\n");
    gf_net_destroy(net);
    return true;
}

static void write_pairs(const gf_text *log, int applied, int pairs)
{
    gf_text out = { 0 };
    gf_net *net = dense_net();
    gf_text_append(&out,
                   "Every ordered pair of methods on a small network (" __FILE__ ", make "
                   "check-pairs):\n%d of %d apply and keep every invariant, the others are refused "
                   "at plan time.\n\n%-20s %-20s %7s %8s %9s %9s\n%-41s ",
                   applied, pairs, "first", "second", "valid.", "nonzero", "MACs", "bytes",
                   "dense");
    log_net(&out, net);
    gf_text_append(&out, "\n%s", log->data);
    EXPECT_STATUS(gf_text_check(&out), GF_OK);
    EXPECT_STATUS(gf_file_write(pairs_file(), out.data, out.size), GF_OK);
    gf_text_release(&out);
    gf_net_destroy(net);
}

TEST("conform: methods", "every ordered pair works, or is refused with a reason")
{
    int pairs = 0, applied = 0;
    gf_text log = { 0 };
    REQUIRE(bench_get());
    for (const gf_method *const *first = gf_methods; *first; first++) {
        gf_net *net = dense_net();
        gf_cost dense = cost_of(net);
        EXPECT_STATUS(apply(net, *first), GF_OK);
        for (const gf_method *const *second = gf_methods; *second; second++) {
            if (!pairs_file() && !is_representative(*first) && !is_representative(*second))
                continue;
            applied += expect_pair(net, *first, *second, &dense, &log);
            pairs++;
        }
        if (pairs_file()) printf("%s: %d pairs so far\n", (*first)->schema.name, pairs);
        fflush(stdout);
        gf_net_destroy(net);
    }
    printf("%d of %d ordered pairs apply, the others are refused\n", applied, pairs);
    EXPECT(applied > pairs / 2);
    if (pairs_file()) write_pairs(&log, applied, pairs);
    gf_text_release(&log);
}
