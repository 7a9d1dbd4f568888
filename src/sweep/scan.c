/* One pass over the text before libconfig sees it, for what libconfig 1.5 gets wrong without a
 * word or stops at: whole numbers beyond 32 bits wrap silently (every one gets the suffix L, and
 * those beyond 64 bits are refused), a key given twice ends the parse (the second is renamed and
 * reported), an array that mixes types or a bracket left open needs a better hint.
 * Lines stay where they are. */
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 64 };

typedef struct level {
    char open;
    int line;
    int first_name; /* names of this level: from here to the end of the list */
    char element;   /* type of an array's elements: 'i', 'f', 's', 'b'; 0: none yet */
} level;
typedef struct seen_name {
    const char *start;
    size_t size;
    int line;
} seen_name;
typedef struct scanner {
    const char *at;
    int line;
    gf_text *out;
    scan_hints *hints;
    mistakes *wrong;
    const source *src;
    level levels[DEPTH + 1];
    int depth;
    seen_name *names;
    int name_count, name_capacity, twice;
    seen_name last;     /* the name just read */
    size_t last_offset; /* of it in `out` */
} scanner;

static void copy(scanner *scan, size_t size)
{
    for (size_t i = 0; i < size; i++) scan->line += scan->at[i] == '\n';
    gf_text_append_bytes(scan->out, scan->at, size);
    scan->at += size;
}

static size_t comment_size(const char *at)
{
    if (at[0] == '#' || (at[0] == '/' && at[1] == '/')) return strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");
        return end ? (size_t)(end + 2 - at) : strlen(at);
    }
    return 0;
}

static size_t string_size(const char *at)
{
    size_t size = 1;
    while (at[size] && at[size] != '"') size += at[size] == '\\' && at[size + 1] ? 2 : 1;
    return at[size] ? size + 1 : size;
}

static bool is_number(const char *at)
{
    if (*at == '+' || *at == '-') at++;
    return isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1]));
}

static size_t number_size(const char *at)
{
    bool hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
    size_t size = 1;
    for (; at[size]; size++) {
        char before = at[size - 1];
        bool sign =
            (at[size] == '+' || at[size] == '-') && !hex && (before == 'e' || before == 'E');
        if (!isalnum((unsigned char)at[size]) && at[size] != '.' && !sign) break;
    }
    return size;
}

static bool is_real(const char *at, size_t size)
{
    if (size > 1 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) return false;
    for (size_t i = 0; i < size; i++)
        if (at[i] == '.' || at[i] == 'e' || at[i] == 'E') return true;
    return false;
}

static void note_element(scanner *scan, char type)
{
    level *here = &scan->levels[scan->depth];
    if (here->open != '[') return;
    if (here->element && here->element != type && !scan->hints->mixed_line)
        scan->hints->mixed_line = scan->line;
    here->element = type;
}

static void scan_number(scanner *scan)
{
    size_t size = number_size(scan->at);
    if (is_real(scan->at, size)) {
        note_element(scan, 'f');
        copy(scan, size);
        return;
    }
    note_element(scan, 'i');
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)size, scan->at);
    errno = 0;
    char *end;
    (void)strtoll(digits, &end, 0);
    if (errno == ERANGE || size >= sizeof digits)
        mistakes_add(scan->wrong, source_place(scan->src, scan->line),
                     "%.*s does not fit into 64 bits", (int)(size > 60 ? 60 : size), scan->at);
    bool whole = isdigit((unsigned char)scan->at[size - 1]) ||
                 (digits[1] && tolower((unsigned char)digits[1]) == 'x' && !*end);
    copy(scan, size);
    if (whole) gf_text_append(scan->out, "L");
}

static void scan_name(scanner *scan)
{
    size_t size = 1;
    while (isalnum((unsigned char)scan->at[size]) ||
           (scan->at[size] && strchr("_-*", scan->at[size])))
        size++;
    if (scan->at[0] == '*')
        mistakes_add(scan->wrong, source_place(scan->src, scan->line),
                     "%.*s: a key starts with a letter", (int)size, scan->at);
    note_element(scan, 'b');
    scan->last = (seen_name){ .start = scan->at, .size = size, .line = scan->line };
    scan->last_offset = scan->out->size;
    copy(scan, size);
}

static const seen_name *find_name(const scanner *scan, const seen_name *wanted)
{
    for (int i = scan->levels[scan->depth].first_name; i < scan->name_count; i++)
        if (scan->names[i].size == wanted->size &&
            memcmp(scan->names[i].start, wanted->start, wanted->size) == 0)
            return &scan->names[i];
    return NULL;
}

/* Puts another name in the place of the one just copied; check knows it and stays silent. */
static void rename_last(scanner *scan)
{
    gf_text *out = scan->out;
    if (out->failed) return;
    char *rest = gf_strdup(out->data + scan->last_offset + scan->last.size);
    out->size = scan->last_offset;
    if (rest)
        gf_text_append(out, "*twice-%d%s", ++scan->twice, rest);
    else
        out->failed = true;
    free(rest);
}

static void keep_name(scanner *scan)
{
    if (!scan->last.start) return;
    const seen_name *before = find_name(scan, &scan->last);
    if (before) {
        mistakes_add(scan->wrong, source_place(scan->src, scan->last.line),
                     "%.*s is given twice, first in line %d", (int)before->size, before->start,
                     source_place(scan->src, before->line).line);
        rename_last(scan);
    } else {
        if (scan->name_count == scan->name_capacity) {
            int capacity = scan->name_capacity ? 2 * scan->name_capacity : 64;
            seen_name *names = realloc(scan->names, (size_t)capacity * sizeof *names);
            if (!names) {
                scan->wrong->failed = true;
                return;
            }
            scan->names = names;
            scan->name_capacity = capacity;
        }
        scan->names[scan->name_count++] = scan->last;
    }
    scan->last.start = NULL;
}

static void open_level(scanner *scan, char open)
{
    note_element(scan, open);
    if (scan->depth == DEPTH) {
        mistakes_add(scan->wrong, source_place(scan->src, scan->line),
                     "nested deeper than %d brackets", DEPTH);
        return;
    }
    scan->levels[++scan->depth] =
        (level){ .open = open, .line = scan->line, .first_name = scan->name_count };
}

/* The first bracket closed by one of another kind is where a reader should look. */
static void close_level(scanner *scan, char close)
{
    const level *here = &scan->levels[scan->depth];
    const char *pairs = "{}()[]", *pair = strchr(pairs, here->open ? here->open : ' ');
    if (scan->depth == 0) return;
    if (pair && pair[1] != close && !scan->hints->close) {
        scan->hints->open = here->open;
        scan->hints->open_line = here->line;
        scan->hints->close = close;
        scan->hints->close_line = scan->line;
    }
    scan->name_count = scan->levels[scan->depth--].first_name;
}

static void scan_token(scanner *scan)
{
    char here = *scan->at;
    size_t comment = comment_size(scan->at);
    if (comment) {
        copy(scan, comment);
        return;
    }
    if (here == '"') {
        note_element(scan, 's');
        copy(scan, string_size(scan->at));
    } else if (is_number(scan->at)) {
        scan_number(scan);
    } else if (isalpha((unsigned char)here) || here == '*') {
        scan_name(scan);
        return;
    } else {
        if (here == '=' || here == ':')
            keep_name(scan);
        else if (strchr("{[(", here))
            open_level(scan, here);
        else if (strchr("}])", here))
            close_level(scan, here);
        bool space = isspace((unsigned char)here);
        copy(scan, 1);
        if (space) return;
    }
    scan->last.start = NULL;
}

void scan_text(gf_text *out, scan_hints *hints, mistakes *wrong, const source *src)
{
    scanner scan = {
        .at = src->text.data, .line = 1, .out = out, .hints = hints, .wrong = wrong, .src = src
    };
    while (*scan.at) scan_token(&scan);
    if (scan.depth > 0 && !hints->close) {
        hints->open = scan.levels[scan.depth].open;
        hints->open_line = scan.levels[scan.depth].line;
    }
    free(scan.names);
}
