/* Weight view "places": whole numbers below `count`, each of which is stored in as few bits as that
 * takes: the places of single weights in their kernels (layer kind "shift"). Changes no value. */
#include "../compress.h"

#include <string.h>

typedef struct places_options {
    int count;
} places_options;

static void code(const gf_view *view, const gf_param *param, gf_code *code)
{
    int most = ((const places_options *)(const void *)view->options)->count - 1;
    (void)param;
    *code = (gf_code){ .symmetric = true,
                       .kind = GF_CODE_INTEGERS,
                       .high = most,
                       .scale = view->states[0].data,
                       .scales = 1 };
    for (code->bits = 1; (1 << (int)code->bits) <= most;) code->bits++;
}

static bool check(const gf_view *view, const gf_param *param)
{
    (void)param;
    return view->state_count == 1 && strcmp(view->states[0].name, "scale") == 0 &&
           view->states[0].dtype == GF_REAL_DTYPE && gf_tensor_count(&view->states[0]) == 1;
}

static const gf_field fields[] = {
    GF_FIELD(places_options, count, NULL, "[2, 4096]", "", "places in a kernel"),
    GF_FIELD_END,
};

const gf_view_kind gf_view_places = {
    .schema = { .name = "places", .summary = "whole numbers, packed", .fields = fields },
    .options_size = sizeof(places_options),
    .forward = gf_view_pass,
    .backward = gf_view_pass_back,
    .code = code,
    .check = check,
};
