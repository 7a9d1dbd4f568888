/* Every registered loss term, and weight views whose backward is a derivative, in whole networks.
 */
#include "../test.h"
#include "gradcheck.h"

static gf_net *build(uint64_t seed)
{
    gf_options *options = NULL;
    gf_net *net = NULL;
    const char *text = "arch = resnet18\nwidth = 3\nblocks = 1,1\nactivation = softplus\n";
    if (gf_options_parse(&options, text) == GF_OK)
        gf_test_status(gf_model_build(&net, options, "", (gf_shape){ 8, 8, 3 }, 10), GF_OK, text,
                       __FILE__, __LINE__);
    gf_options_destroy(options);
    if (net) gf_net_initialize(net, seed, 0);
    return net;
}

static void check_term(const gf_loss_kind *kind, int teachers)
{
    _Alignas(8) unsigned char record[1024] = { 0 };
    gf_options *none = gf_options_create();
    gf_net *net = build(1), *others[2] = { build(2), build(3) };
    const gf_loss_term term = { .kind = kind, .options = record };
    if (gf_test_check(kind->options_size <= sizeof record, __FILE__, __LINE__, "%s: options",
                      kind->schema.name) &&
        gf_test_status(gf_fields_read(record, kind->schema.fields, none, ""), GF_OK,
                       kind->schema.name, __FILE__, __LINE__))
        gradcheck_terms(kind->schema.name, net, others, teachers, &term, 1, 3);
    gf_net_destroy(net);
    gf_net_destroy(others[0]);
    gf_net_destroy(others[1]);
    gf_options_destroy(none);
}

TEST("gradcheck: terms", "every loss term, with one teacher and with two")
{
    for (const gf_loss_kind *const *kind = gf_loss_kinds; *kind; kind++) {
        check_term(*kind, 1);
        check_term(*kind, 2);
    }
}
