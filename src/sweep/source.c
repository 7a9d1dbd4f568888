/* Reads a sweep file and what it includes into one text, remembering where each line came from.
 * @include is resolved here rather than by libconfig, so that the expanded text can be kept with
 * the results, and so that no file outside the sweep's folder is ever read. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, TEXT_LIMIT = 4 << 20, INCLUDE_DEPTH = 8 };

typedef struct reader {
    source *src;
    mistakes *wrong;
    gf_arena *arena;
    const char *folder; /* of the sweep, without the slash; "." */
} reader;

typedef enum lexer { PLAIN, IN_STRING, IN_COMMENT } lexer;

static gf_status read_file(reader *work, const char *path, place from, int depth);

static gf_status keep_line(reader *work, place at, const char *line, size_t size)
{
    source *src = work->src;
    if (src->line_count == src->line_capacity) {
        int capacity = src->line_capacity ? 2 * src->line_capacity : 128;
        place *lines = realloc(src->lines, (size_t)capacity * sizeof *lines);
        if (!lines) return gf_fail(GF_NOMEM, "out of memory");
        src->lines = lines;
        src->line_capacity = capacity;
    }
    at.order = src->line_count + 1;
    src->lines[src->line_count++] = at;
    gf_text_append_bytes(&src->text, line, size);
    gf_text_append(&src->text, "\n");
    return gf_text_check(&src->text);
}

/* Where the lexer stands after this line, so that "@include" in a comment or string is not one. */
static lexer lexer_after(lexer state, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char next = i + 1 < size ? line[i + 1] : '\0';
        if (state == IN_STRING) {
            if (line[i] == '\\')
                i++;
            else if (line[i] == '"')
                state = PLAIN;
        } else if (state == IN_COMMENT) {
            if (line[i] == '*' && next == '/') state = PLAIN, i++;
        } else if (line[i] == '#' || (line[i] == '/' && next == '/')) {
            break;
        } else if (line[i] == '/' && next == '*') {
            state = IN_COMMENT, i++;
        } else if (line[i] == '"') {
            state = IN_STRING;
        }
    }
    return state;
}

/* Copies the name of `@include "name"` into out; 0: no such line, -1: a wrong one. */
static int include_name(char *out, size_t out_size, const char *line, size_t size)
{
    static const char word[] = "@include";
    size_t at = 0;
    while (at < size && (line[at] == ' ' || line[at] == '\t')) at++;
    if (size - at < sizeof word - 1 || memcmp(line + at, word, sizeof word - 1) != 0) return 0;
    at += sizeof word - 1;
    while (at < size && (line[at] == ' ' || line[at] == '\t')) at++;
    if (at == size || line[at] != '"') return -1;
    const char *end = memchr(line + at + 1, '"', size - at - 1);
    size_t length = end ? (size_t)(end - (line + at + 1)) : 0;
    if (length == 0 || length >= out_size) return -1;
    memcpy(out, line + at + 1, length);
    out[length] = '\0';
    return 1;
}

static bool leaves_folder(const char *name)
{
    if (name[0] == '/') return true;
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return true;
        if (!*at) break;
    }
    return false;
}

/* A symbolic link may lead out of the folder too. */
static bool lies_below(const char *folder, const char *path)
{
    char *real_folder = realpath(folder, NULL), *real_path = realpath(path, NULL);
    size_t size = real_folder ? strlen(real_folder) : 0;
    bool below = real_folder && real_path && strncmp(real_folder, real_path, size) == 0 &&
                 (real_path[size] == '/' || size == 1);
    free(real_folder);
    free(real_path);
    return below;
}

static gf_status include_file(reader *work, place at, const char *name, int depth)
{
    char path[1024];
    int size = snprintf(path, sizeof path, "%s/%s", work->folder, name);
    if (strcmp(work->folder, ".") == 0 && !strchr(work->src->path, '/'))
        size = snprintf(path, sizeof path, "%s", name);
    if (leaves_folder(name)) {
        mistakes_add(work->wrong, at, "@include \"%s\" leaves the folder of the sweep", name);
    } else if (depth >= INCLUDE_DEPTH) {
        mistakes_add(work->wrong, at, "@include \"%s\" is nested deeper than %d files", name,
                     INCLUDE_DEPTH);
    } else if (size >= (int)sizeof path || !gf_file_exists(path)) {
        mistakes_add(work->wrong, at, "@include \"%s\": there is no file %s", name, path);
    } else if (!lies_below(work->folder, path)) {
        mistakes_add(work->wrong, at, "@include \"%s\" leaves the folder of the sweep", name);
    } else {
        return read_file(work, path, at, depth + 1);
    }
    return GF_OK;
}

static gf_status take_line(reader *work, place at, const char *line, size_t size, int depth)
{
    gf_status status = GF_OK;
    char name[512];
    gf_text note = { 0 };
    int found = include_name(name, sizeof name, line, size);
    if (found == 0) return keep_line(work, at, line, size);
    if (found < 0) {
        mistakes_add(work->wrong, at, "@include takes a file name in quotes");
        return GF_OK;
    }
    gf_text_append(&note, "# @include \"%s\"", name);
    GF_TRY(gf_text_check(&note));
    GF_TRY(keep_line(work, at, note.data, note.size));
    GF_TRY(include_file(work, at, name, depth));
out:
    gf_text_release(&note);
    return status;
}

static gf_status take_lines(reader *work, const char *shown, const char *text, size_t size,
                            int depth)
{
    gf_status status = GF_OK;
    lexer state = PLAIN;
    int line = 1, opened = 1;
    for (size_t at = 0; at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - (text + at)) : size - at;
        place here = { .file = shown, .line = line };
        if (state == PLAIN)
            GF_TRY(take_line(work, here, text + at, length, depth));
        else
            GF_TRY(keep_line(work, here, text + at, length));
        lexer after = lexer_after(state, text + at, length);
        if (state == PLAIN && after != PLAIN) opened = line;
        state = after;
        at += length + 1;
    }
    if (state != PLAIN)
        mistakes_add(work->wrong, (place){ .file = shown, .line = opened, .order = opened },
                     "the %s that starts here is never closed",
                     state == IN_STRING ? "string" : "comment");
out:
    return status;
}

static gf_status read_file(reader *work, const char *path, place from, int depth)
{
    gf_status status = GF_OK;
    char *text = NULL;
    size_t size = 0;
    const char *shown = gf_arena_strdup(work->arena, path);
    GF_TRY_ALLOC(shown);
    GF_TRY(gf_file_read(&text, &size, path, FILE_LIMIT));
    if (memchr(text, '\0', size)) {
        mistakes_add(work->wrong, from, "%s is not a text file: it holds a zero byte", path);
    } else if (work->src->text.size + size > TEXT_LIMIT) {
        mistakes_add(work->wrong, from, "the sweep and its includes are larger than %d MB",
                     TEXT_LIMIT >> 20);
    } else {
        GF_TRY(take_lines(work, shown, text, size, depth));
    }
out:
    free(text);
    return status;
}

gf_status source_read(source *src, mistakes *wrong, gf_arena *arena, const char *path)
{
    gf_status status = GF_OK;
    char *folder = NULL;
    GF_TRY_ALLOC(src->path = gf_arena_strdup(arena, path));
    const char *slash = strrchr(path, '/');
    GF_TRY_ALLOC(folder = gf_arena_strdup(arena, path));
    folder[slash ? slash - path : 0] = '\0';
    reader work = { .src = src, .wrong = wrong, .arena = arena };
    work.folder = slash == path ? "/" : slash ? folder : ".";
    GF_TRY(read_file(&work, path, (place){ .file = src->path }, 0));
    if (!src->text.data) GF_TRY(keep_line(&work, (place){ .file = src->path, .line = 1 }, "", 0));
out:
    return status;
}

place source_place(const source *src, int line)
{
    if (src->line_count == 0) return (place){ .file = src->path };
    if (line < 1) line = 1;
    return src->lines[line > src->line_count ? src->line_count - 1 : line - 1];
}

void source_release(source *src)
{
    gf_text_release(&src->text);
    free(src->lines);
    *src = (source){ 0 };
}
