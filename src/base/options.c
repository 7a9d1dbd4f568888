/* Ordered "key = value" pairs. Lists are short (tens of pairs), so that a scan finds a key soonest.
 */
#include <gridfront/base.h>

#include <stdlib.h>
#include <string.h>

typedef struct pair {
    char *key, *value;
} pair;

struct gf_options {
    pair *pairs;
    int count, capacity;
};

gf_options *gf_options_create(void)
{
    return calloc(1, sizeof(gf_options));
}

void gf_options_destroy(gf_options *options)
{
    if (!options) return;
    for (int i = 0; i < options->count; i++) {
        free(options->pairs[i].key);
        free(options->pairs[i].value);
    }
    free(options->pairs);
    free(options);
}

static pair *find_pair(const gf_options *options, const char *key)
{
    for (int i = 0; i < options->count; i++)
        if (strcmp(options->pairs[i].key, key) == 0) return &options->pairs[i];
    return NULL;
}

static gf_status reserve_one(gf_options *options)
{
    if (options->count < options->capacity) return GF_OK;
    int capacity = options->capacity ? 2 * options->capacity : 16;
    pair *pairs = realloc(options->pairs, (size_t)capacity * sizeof *pairs);
    if (!pairs) return gf_fail(GF_NOMEM, "out of memory");
    options->pairs = pairs;
    options->capacity = capacity;
    return GF_OK;
}

gf_status gf_options_set(gf_options *options, const char *key, const char *value)
{
    gf_status status = GF_OK;
    char *key_copy = NULL, *value_copy = NULL;
    if (strchr(value, '\n') || strchr(key, '\n') || !key[0])
        return gf_fail(GF_INVALID, "option '%s': a key or value holds a line break or is empty",
                       key);
    GF_TRY_ALLOC(value_copy = gf_strdup(value));
    pair *old = find_pair(options, key);
    if (old) {
        free(old->value);
        old->value = value_copy;
        return GF_OK;
    }
    GF_TRY_ALLOC(key_copy = gf_strdup(key));
    GF_TRY(reserve_one(options));
    options->pairs[options->count++] = (pair){ .key = key_copy, .value = value_copy };
    return GF_OK;
out:
    free(key_copy);
    free(value_copy);
    return status;
}

const char *gf_options_get(const gf_options *options, const char *key)
{
    const pair *found = options ? find_pair(options, key) : NULL;
    return found ? found->value : NULL;
}

int gf_options_count(const gf_options *options)
{
    return options ? options->count : 0;
}

const char *gf_options_key(const gf_options *options, int index)
{
    return options->pairs[index].key;
}

const char *gf_options_value(const gf_options *options, int index)
{
    return options->pairs[index].value;
}

char *gf_options_text(const gf_options *options)
{
    gf_text text = { 0 };
    for (int i = 0; i < gf_options_count(options); i++)
        gf_text_append(&text, "%s = %s\n", options->pairs[i].key, options->pairs[i].value);
    return gf_text_take(&text);
}

/* Splits "key = value" in place. */
static gf_status parse_line(gf_options *options, char *line)
{
    char *sign = strstr(line, " = ");
    size_t size = strlen(line);
    if (!sign && size >= 2 && strcmp(line + size - 2, " =") == 0) sign = line + size - 2;
    if (!sign || sign == line) return gf_fail(GF_INVALID, "'%s' is not 'key = value'", line);
    const char *value = sign[2] ? sign + 3 : "";
    *sign = '\0';
    return gf_options_set(options, line, value);
}

gf_status gf_options_parse(gf_options **options, const char *text)
{
    gf_status status = GF_OK;
    char *copy = NULL;
    gf_options *made = gf_options_create();
    GF_TRY_ALLOC(made);
    GF_TRY_ALLOC(copy = gf_strdup(text));
    char *rest = copy;
    while (rest && *rest) {
        char *line = strsep(&rest, "\n");
        if (*line) GF_TRY(parse_line(made, line));
    }
    *options = made;
    made = NULL;
out:
    free(copy);
    gf_options_destroy(made);
    return status;
}
