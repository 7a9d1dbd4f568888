/* The HTML page: page.html with the stylesheet, the script, ECharts and the data put in. One file
 * that needs no network. The parts are embedded by the assembler and listed in the Makefile. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define EMBED(symbol, path)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".global " #symbol "\n" #symbol ":\n"                                                  \
            ".incbin \"src/report/html/" path "\"\n"                                               \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char symbol[]

EMBED(gf_html_page, "page.html");
EMBED(gf_html_style, "page.css");
EMBED(gf_html_script, "page.js");
EMBED(gf_html_echarts, "echarts.min.js");

/* JSON inside a script element: what could end the element or open a comment is spelled out. */
static void append_data(gf_text *out, const char *json)
{
    for (; *json; json++)
        if (*json == '<')
            gf_text_append_bytes(out, "\\u003c", 6);
        else
            gf_text_append_bytes(out, json, 1);
}

static void append_escaped(gf_text *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : NULL;
        gf_text_append(out, entity ? "%s" : "%.1s", entity ? entity : text);
    }
}

static void append_part(gf_text *out, const char *mark, size_t size, const gf_report *report,
                        const char *json)
{
    if (strncmp(mark, "@TITLE@", size) == 0)
        append_escaped(out, report->plan->name);
    else if (strncmp(mark, "@CSS@", size) == 0)
        gf_text_append(out, "%s", gf_html_style);
    else if (strncmp(mark, "@ECHARTS@", size) == 0)
        gf_text_append(out, "%s", gf_html_echarts);
    else if (strncmp(mark, "@DATA@", size) == 0)
        append_data(out, json);
    else if (strncmp(mark, "@JS@", size) == 0)
        gf_text_append(out, "%s", gf_html_script);
    else
        gf_text_append_bytes(out, mark, size);
}

gf_status gf_report_html(const gf_report *report, gf_text *out)
{
    json_t *root = gf_report_json(report);
    char *json = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(root);
    if (!json) return gf_fail(GF_NOMEM, "out of memory for JSON");
    for (const char *at = gf_html_page; *at;) {
        size_t plain = strcspn(at, "@");
        gf_text_append_bytes(out, at, plain);
        at += plain;
        const char *end = *at ? strchr(at + 1, '@') : NULL;
        size_t size = end ? (size_t)(end - at) + 1 : strlen(at);
        if (size) append_part(out, at, size, report, json);
        at += size;
    }
    free(json);
    return gf_text_check(out);
}
