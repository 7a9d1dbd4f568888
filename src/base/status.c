/* Status texts and the thread-local error trail: the message of the newest failure and the places
 * it passed through on its way up. Both live in fixed buffers, so that reporting "out of memory"
 * needs no memory. */
#include <gridfront/base.h>

#include <string.h>

#define MESSAGE_SIZE 2048
#define TRAIL_SIZE   1024

static _Thread_local char message_text[MESSAGE_SIZE];
static _Thread_local char trail_text[TRAIL_SIZE];

const char *gf_status_name(gf_status status)
{
    switch (status) {
#define CASE(name, scope, text)                                                                    \
    case GF_##name:                                                                                \
        return #name;
        GF_STATUS_LIST(CASE)
#undef CASE
    }
    return "UNKNOWN";
}

const char *gf_status_text(gf_status status)
{
    switch (status) {
#define CASE(name, scope, text)                                                                    \
    case GF_##name:                                                                                \
        return text;
        GF_STATUS_LIST(CASE)
#undef CASE
    }
    return "unknown status";
}

gf_scope gf_status_scope(gf_status status)
{
    switch (status) {
#define CASE(name, scope, text)                                                                    \
    case GF_##name:                                                                                \
        return GF_SCOPE_##scope;
        GF_STATUS_LIST(CASE)
#undef CASE
    }
    return GF_SCOPE_BUG;
}

static const char *short_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

void gf_error_set(const char *file, int line, const char *format, ...)
{
    /* Formatted aside first: the arguments may point into the old message. */
    char fresh[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fresh, sizeof fresh, format, arguments);
    va_end(arguments);
    memcpy(message_text, fresh, sizeof fresh);
    snprintf(trail_text, sizeof trail_text, "%s:%d", short_name(file), line);
}

void gf_error_pass(const char *file, int line)
{
    size_t used = strlen(trail_text);
    snprintf(trail_text + used, sizeof trail_text - used, "%s%s:%d", used ? " < " : "",
             short_name(file), line);
}

const char *gf_error_message(void)
{
    return message_text;
}

const char *gf_error_trail(void)
{
    return trail_text;
}

void gf_error_clear(void)
{
    message_text[0] = '\0';
    trail_text[0] = '\0';
}
