/* Reading argument vectors against a table; every mistake is one clear line. */
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const gf_flag *find_flag(const gf_flag *flags, const char *word, size_t size)
{
    for (; flags->name; flags++)
        if (strlen(flags->name) == size && memcmp(flags->name, word, size) == 0) return flags;
    return NULL;
}

static gf_status unknown_flag(const gf_flag *flags, const char *command, const char *word)
{
    const gf_flag *nearest = NULL;
    int least = 4;
    for (; flags->name; flags++) {
        int distance = gf_text_distance(flags->name, word);
        if (distance < least) {
            least = distance;
            nearest = flags;
        }
    }
    if (nearest)
        return gf_fail(GF_INVALID, "%s: no option %s; did you mean %s?", command, word,
                       nearest->name);
    return gf_fail(GF_INVALID, "%s: no option %s; see 'gridfront help'", command, word);
}

static gf_status append_value(const gf_flag *flag, const char *value)
{
    const char **grown = realloc(*flag->values, ((size_t)*flag->count + 1) * sizeof *grown);
    if (!grown) return gf_fail(GF_NOMEM, "out of memory");
    grown[(*flag->count)++] = value;
    *flag->values = grown;
    return GF_OK;
}

static gf_status take_flag(const gf_flag *flags, int *i, int argc, char **argv)
{
    const char *word = argv[*i];
    size_t size = strcspn(word, "=");
    const gf_flag *flag = find_flag(flags, word, size);
    if (!flag) return unknown_flag(flags, argv[0], word);
    const char *value = word[size] ? word + size + 1 : NULL;
    if (flag->kind == GF_FLAG_SWITCH) {
        if (value) return gf_fail(GF_INVALID, "%s: %s takes no value", argv[0], flag->name);
        *flag->set = true;
        return GF_OK;
    }
    bool numbers = flag->kind == GF_FLAG_NUMBERS;
    if (!value && *i + 1 < argc && (!numbers || isdigit((unsigned char)argv[*i + 1][0])))
        value = argv[++*i];
    if (!value && numbers) value = "";
    if (!value) return gf_fail(GF_INVALID, "%s: %s needs a value", argv[0], flag->name);
    if (flag->kind == GF_FLAG_LIST) return append_value(flag, value);
    *flag->value = value;
    return GF_OK;
}

static const char *usage_of(const char *name)
{
    for (const gf_command *command = gf_commands; command->name; command++)
        if (strcmp(command->name, name) == 0) return command->usage;
    return "";
}

gf_status gf_arguments_read(const char **words, int least, int most, const gf_flag *flags, int argc,
                            char **argv)
{
    gf_status status = GF_OK;
    int count = 0;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && strncmp(argv[i], "--", 2) == 0)
            GF_TRY(take_flag(flags, &i, argc, argv));
        else if (!only_words && strcmp(argv[i], "-o") == 0 && find_flag(flags, "-o", 2))
            GF_TRY(take_flag(flags, &i, argc, argv));
        else if (count < most)
            words[count++] = argv[i];
        else
            return gf_fail(GF_INVALID, "%s: '%s' is one argument too many; usage: gridfront %s %s",
                           argv[0], argv[i], argv[0], usage_of(argv[0]));
    }
    if (count < least)
        return gf_fail(GF_INVALID, "usage: gridfront %s %s", argv[0], usage_of(argv[0]));
out:
    return status;
}

int gf_cli_exit_code(gf_status status)
{
    if (status == GF_INTERRUPTED) return GF_EXIT_INTERRUPTED;
    switch (gf_status_scope(status)) {
    case GF_SCOPE_NONE:
        return GF_EXIT_DONE;
    case GF_SCOPE_TRIAL:
        return GF_EXIT_FAILED;
    case GF_SCOPE_SETUP:
        return GF_EXIT_USAGE;
    case GF_SCOPE_SWEEP:
    case GF_SCOPE_BUG:
        break;
    }
    return GF_EXIT_BROKEN;
}

int gf_cli_fail(gf_status status)
{
    fflush(stdout);
    fprintf(stderr, "gridfront: %s\n", gf_error_message());
    gf_log(GF_DEBUG, "cli", "%s, %s", gf_status_name(status), gf_error_trail());
    return gf_cli_exit_code(status);
}
