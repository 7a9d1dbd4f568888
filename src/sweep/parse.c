/* libconfig's tree into our own, which outlives it and carries files and lines. The only file
 * that knows libconfig; auto-conversion happens here, as every scalar becomes canonical text. */
#include "internal.h"

#include <libconfig.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct copier {
    gf_arena *arena;
    const source *src; /* NULL: all of it stands at `fixed` */
    place fixed;
} copier;

static node_kind kind_of(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return NODE_INT;
    case CONFIG_TYPE_FLOAT:
        return NODE_REAL;
    case CONFIG_TYPE_BOOL:
        return NODE_BOOL;
    case CONFIG_TYPE_STRING:
        return NODE_TEXT;
    case CONFIG_TYPE_GROUP:
        return NODE_GROUP;
    default:
        return NODE_LIST;
    }
}

static char *scalar_text(gf_arena *arena, node_kind kind, const config_setting_t *setting)
{
    char text[32] = "";
    const char *string = text;
    if (kind == NODE_INT)
        snprintf(text, sizeof text, "%lld", config_setting_get_int64(setting));
    else if (kind == NODE_REAL)
        gf_real_text(text, config_setting_get_float(setting));
    else if (kind == NODE_BOOL)
        string = config_setting_get_bool(setting) ? "true" : "false";
    else
        string = config_setting_get_string(setting);
    return gf_arena_strdup(arena, string ? string : "");
}

static node *node_create(const copier *work, const config_setting_t *setting, node_kind kind)
{
    node *made = gf_arena_alloc(work->arena, sizeof *made);
    if (!made) return NULL;
    made->kind = kind;
    made->at =
        work->src ? source_place(work->src, (int)config_setting_source_line(setting)) : work->fixed;
    const char *name = config_setting_name(setting);
    if (name && !(made->name = gf_arena_strdup(work->arena, name))) return NULL;
    return made;
}

/* NULL: out of memory. The scanner bounds the depth. */
static node *copy_setting(const copier *work, const config_setting_t *setting)
{
    node_kind kind = kind_of(setting);
    node *made = node_create(work, setting, kind);
    if (!made) return NULL;
    if (kind != NODE_GROUP && kind != NODE_LIST) {
        made->text = scalar_text(work->arena, kind, setting);
        return made->text ? made : NULL;
    }
    made->count = config_setting_length(setting);
    made->items = gf_arena_alloc(work->arena, (size_t)made->count * sizeof *made->items);
    for (int i = 0; made->items && i < made->count; i++) {
        made->items[i] = copy_setting(work, config_setting_get_elem(setting, (unsigned)i));
        if (!made->items[i]) return NULL;
        /* libconfig gives a group in a list the line of its end; its first key is nearer. */
        if (i == 0 && !made->name && made->items[0]->at.order < made->at.order)
            made->at = made->items[0]->at;
    }
    return made->items ? made : NULL;
}

static void report_syntax(mistakes *wrong, const source *src, const config_t *config,
                          const scan_hints *hints)
{
    int line = config_error_line(config);
    const char *text = config_error_text(config) ? config_error_text(config) : "syntax error";
    place at = source_place(src, line);
    if (hints->mixed_line && line >= hints->mixed_line && strstr(text, "mismatched"))
        mistakes_add(wrong, source_place(src, hints->mixed_line),
                     "%s; an array [ ] holds one type: write [0.0, 0.5], or a list (0, 0.5)", text);
    else if (hints->close)
        mistakes_add(wrong, source_place(src, hints->close_line), "'%c' closes the '%c' of line %d",
                     hints->close, hints->open, source_place(src, hints->open_line).line);
    else if (hints->open_line)
        mistakes_add(wrong, source_place(src, hints->open_line),
                     "the '%c' that stands here is never closed", hints->open);
    else
        mistakes_add(wrong, at, "%s here or just before; nothing after this line was read", text);
}

gf_status parse_source(node **root, mistakes *wrong, gf_arena *arena, const source *src)
{
    gf_status status = GF_OK;
    gf_text text = { 0 };
    scan_hints hints = { 0 };
    config_t config;
    config_init(&config);
    config_set_auto_convert(&config, CONFIG_TRUE);
    int before = wrong->count;
    scan_text(&text, &hints, wrong, src);
    GF_TRY(gf_text_check(&text));
    if (config_read_string(&config, text.data ? text.data : "")) {
        copier work = { .arena = arena, .src = src };
        GF_TRY_ALLOC(*root = copy_setting(&work, config_root_setting(&config)));
    } else if (wrong->count == before || !strstr(text.data, "*twice")) {
        report_syntax(wrong, src, &config, &hints);
    }
out:
    config_destroy(&config);
    gf_text_release(&text);
    return status;
}

gf_status parse_value(node **made, gf_arena *arena, const char *value, place at)
{
    gf_status status = GF_OK;
    mistakes ignored = { 0 };
    scan_hints hints = { 0 };
    gf_text text = { 0 };
    source src = { .path = at.file };
    config_t config;
    config_init(&config);
    gf_text_append(&src.text, "value = %s\n;", value);
    GF_TRY(gf_text_check(&src.text));
    scan_text(&text, &hints, &ignored, &src);
    GF_TRY(gf_text_check(&text));
    if (ignored.count == 0 && config_read_string(&config, text.data) &&
        config_setting_length(config_root_setting(&config)) == 1) {
        copier work = { .arena = arena, .fixed = at };
        const config_setting_t *first = config_setting_get_elem(config_root_setting(&config), 0);
        GF_TRY_ALLOC(*made = copy_setting(&work, first));
    }
out:
    config_destroy(&config);
    gf_text_release(&text);
    source_release(&src);
    mistakes_release(&ignored);
    return status;
}
