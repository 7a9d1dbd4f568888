/* Typed option tables: one row of a table serves parse, default, range check, help and the
 * canonical text that is hashed into stage keys. Ranges are written as in mathematics:
 * "[0, 1)", "(0, inf)"; a choice lists its words: "constant|step|cosine". */
#include <gridfront/base.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_SIZE = 160 };

typedef struct range {
    double low, high;
    bool low_open, high_open;
} range;

static range range_parse(const char *text)
{
    range parsed = { .low = -INFINITY, .high = INFINITY };
    if (!text) return parsed;
    char *end;
    parsed.low_open = text[0] == '(';
    parsed.low = strtod(text + 1, &end);
    while (*end == ',' || *end == ' ') end++;
    parsed.high = strtod(end, &end);
    parsed.high_open = *end == ')';
    return parsed;
}

static gf_status check_range(const gf_field *field, double value, const char *text)
{
    range allowed = range_parse(field->range);
    bool above = allowed.low_open ? value > allowed.low : value >= allowed.low;
    bool below = allowed.high_open ? value < allowed.high : value <= allowed.high;
    const char *other = field->range ? strstr(field->range, " or ") : NULL;
    if (other && value == strtod(other + strlen(" or "), NULL)) return GF_OK;
    if (!above || !below) return gf_fail(GF_INVALID, "= %s is outside %s", text, field->range);
    return GF_OK;
}

static gf_status parse_whole(const gf_field *field, const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (end == text || *end)
        return gf_fail(GF_INVALID, "= %s is not a whole number%s%s", text,
                       field->range ? " in " : "", field->range ? field->range : "");
    bool fits = field->type == GF_FIELD_INT64 || (parsed >= INT_MIN && parsed <= INT_MAX);
    if (errno == ERANGE || !fits)
        return gf_fail(GF_INVALID, "= %s does not fit into %d bits", text,
                       field->type == GF_FIELD_INT64 ? 64 : 32);
    *value = parsed;
    return check_range(field, (double)parsed, text);
}

static gf_status parse_real(const gf_field *field, const char *text, double *value)
{
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !isfinite(parsed))
        return gf_fail(GF_INVALID, "= %s is not a number%s%s", text, field->range ? " in " : "",
                       field->range ? field->range : "");
    *value = parsed;
    return check_range(field, parsed, text);
}

static gf_status parse_bool(const char *text, bool *value)
{
    *value = strcasecmp(text, "true") == 0;
    if (!*value && strcasecmp(text, "false") != 0)
        return gf_fail(GF_INVALID, "= %s is neither true nor false", text);
    return GF_OK;
}

static gf_status parse_text(const gf_field *field, const char *text)
{
    if (strlen(text) >= field->size)
        return gf_fail(GF_INVALID, "= \"%.40s...\" is longer than %zu characters", text,
                       field->size - 1);
    if (strpbrk(text, "\n\r"))
        return gf_fail(GF_INVALID, "= \"%.40s...\" holds a line break", text);
    return GF_OK;
}

static gf_status parse_choice(const gf_field *field, const char *text, int *index)
{
    const char *word = field->range;
    size_t wanted = strlen(text);
    for (int i = 0;; i++) {
        size_t size = strcspn(word, "|");
        if (size == wanted && memcmp(word, text, size) == 0) {
            *index = i;
            return GF_OK;
        }
        if (!word[size]) break;
        word += size + 1;
    }
    return gf_fail(GF_INVALID, "= \"%s\" is none of %s", text, field->range);
}

/* Parses text into the member; the one place where the type decides. */
static gf_status store_text(const gf_field *field, const char *text, void *member)
{
    gf_status status;
    int64_t whole = 0;
    int index = 0;
    switch (field->type) {
    case GF_FIELD_INT:
        GF_TRY(parse_whole(field, text, &whole));
        *(int *)member = (int)whole;
        return GF_OK;
    case GF_FIELD_INT64:
        return parse_whole(field, text, member);
    case GF_FIELD_REAL:
        return parse_real(field, text, member);
    case GF_FIELD_BOOL:
        return parse_bool(text, member);
    case GF_FIELD_TEXT:
        GF_TRY(parse_text(field, text));
        memcpy(member, text, strlen(text) + 1);
        return GF_OK;
    case GF_FIELD_CHOICE:
        GF_TRY(parse_choice(field, text, &index));
        *(int *)member = index;
        return GF_OK;
    }
    return gf_fail(GF_INTERNAL, "field %s: unknown type", field->name);
out:
    return status;
}

static void member_text(char *out, size_t out_size, const gf_field *field, const void *member)
{
    char number[32];
    const char *word = field->range;
    switch (field->type) {
    case GF_FIELD_INT:
        snprintf(out, out_size, "%d", *(const int *)member);
        break;
    case GF_FIELD_INT64:
        snprintf(out, out_size, "%" PRId64, *(const int64_t *)member);
        break;
    case GF_FIELD_REAL:
        gf_real_text(number, *(const double *)member);
        snprintf(out, out_size, "%s", number);
        break;
    case GF_FIELD_BOOL:
        snprintf(out, out_size, "%s", *(const bool *)member ? "true" : "false");
        break;
    case GF_FIELD_TEXT:
        snprintf(out, out_size, "%s", (const char *)member);
        break;
    case GF_FIELD_CHOICE:
        for (int i = *(const int *)member; i > 0; i--) word += strcspn(word, "|") + 1;
        snprintf(out, out_size, "%.*s", (int)strcspn(word, "|"), word);
        break;
    }
}

gf_status gf_field_check(const gf_field *field, const char *text, char *out, size_t out_size)
{
    gf_status status = GF_OK;
    /* A text member may be long; it is its own canonical form. */
    if (field->type == GF_FIELD_TEXT) {
        GF_TRY(parse_text(field, text));
        if (out) snprintf(out, out_size, "%s", text);
        return GF_OK;
    }
    _Alignas(8) unsigned char member[8];
    GF_TRY(store_text(field, text, member));
    if (out) member_text(out, out_size, field, member);
out:
    return status;
}

const gf_field *gf_field_find(const gf_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0) return fields;
    return NULL;
}

static gf_status read_field(void *record, const gf_field *field, const gf_options *options,
                            const char *prefix)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "%s%s", prefix, field->name);
    const char *text = gf_options_get(options, key);
    if (!text) text = field->fallback;
    if (!text) return gf_fail(GF_INVALID, "%s is missing", key);
    gf_status status = store_text(field, text, (char *)record + field->offset);
    if (status != GF_OK) gf_fail(status, "%s %s", key, gf_error_message());
    return status;
}

gf_status gf_fields_read(void *record, const gf_field *fields, const gf_options *options,
                         const char *prefix)
{
    gf_status status = GF_OK;
    for (; fields && fields->name; fields++) GF_TRY(read_field(record, fields, options, prefix));
out:
    return status;
}

void gf_field_text(char *out, size_t out_size, const gf_field *field, const void *record)
{
    member_text(out, out_size, field, (const char *)record + field->offset);
}

const gf_schema *gf_schema_find(const gf_schema *const *schemas, const char *name)
{
    for (; schemas && *schemas; schemas++)
        if (strcmp((*schemas)->name, name) == 0) return *schemas;
    return NULL;
}
