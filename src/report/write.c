/* One report, five formats. */
#include "model.h"

#include <stdlib.h>

static gf_status write_json(const gf_report *report, gf_text *out)
{
    json_t *root = gf_report_json(report);
    char *dumped = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(root);
    if (!dumped) return gf_fail(GF_NOMEM, "out of memory for JSON");
    gf_text_append(out, "%s\n", dumped);
    free(dumped);
    return gf_text_check(out);
}

gf_status gf_report_write(const gf_report *report, gf_format format, gf_text *out)
{
    switch (format) {
    case GF_FORMAT_TEXT:
        return gf_report_text(report, out);
    case GF_FORMAT_CSV:
        return gf_report_csv(report, out);
    case GF_FORMAT_JSON:
        return write_json(report, out);
    case GF_FORMAT_LATEX:
        return gf_report_latex(report, out);
    case GF_FORMAT_HTML:
        return gf_report_html(report, out);
    }
    return gf_fail(GF_INTERNAL, "format %d", (int)format);
}
