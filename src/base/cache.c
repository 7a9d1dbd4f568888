/* Where this user keeps what was measured on this kind of machine, and what that kind is called. */
#include <gridfront/base.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

gf_status gf_cache_path(char *out, const char *name)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool named = cache && cache[0] == '/'; /* the specification: a relative one is ignored */
    if (!named && (!home || home[0] != '/'))
        return gf_fail(GF_NOTFOUND, "neither XDG_CACHE_HOME nor HOME names a folder");
    int length = snprintf(out, PATH_MAX, "%s%s/gridfront/%s", named ? cache : home,
                          named ? "" : "/.cache", name);
    if (length >= PATH_MAX)
        return gf_fail(GF_INVALID, "%.80s...: path too long", named ? cache : home);
    return GF_OK;
}

void gf_text_slug(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (; *text && used < size - 1; text++) {
        bool digit = *text >= '0' && *text <= '9', lower = *text >= 'a' && *text <= 'z';
        if (digit || lower)
            out[used++] = *text;
        else if (*text >= 'A' && *text <= 'Z')
            out[used++] = (char)(*text - 'A' + 'a');
        else if (used && out[used - 1] != '-')
            out[used++] = '-';
    }
    while (used && out[used - 1] == '-') used--;
    out[used] = '\0';
}

/* Linux names the model on x86; elsewhere the architecture has to do. */
void gf_cpu_slug(char out[GF_CPU_SLUG])
{
    char line[256];
    struct utsname machine;
    FILE *file = fopen("/proc/cpuinfo", "re");
    out[0] = '\0';
    while (file && !out[0] && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (colon && strncmp(line, "model name", 10) == 0)
            gf_text_slug(out, GF_CPU_SLUG, colon + 1);
    }
    if (file) fclose(file);
    if (!out[0]) gf_text_slug(out, GF_CPU_SLUG, uname(&machine) == 0 ? machine.machine : "unknown");
}
