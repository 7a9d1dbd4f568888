/* Where things stand in a store: 256 folders by the first two digits of the key.
 *
 * Nothing is written or removed through a symbolic link inside a results folder: it may have been
 * laid by whoever made the folder, and lead anywhere. */
#include "study.h"

#include <string.h>
#include <sys/stat.h>

bool gf_store_is_link(const char *path)
{
    struct stat about;
    char plain[PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') size--; /* or it would be followed */
    if (size >= sizeof plain) return false;
    memcpy(plain, path, size);
    plain[size] = '\0';
    return lstat(plain, &about) == 0 && S_ISLNK(about.st_mode);
}

gf_status gf_store_folder_make(const char *path)
{
    if (gf_store_is_link(path))
        return gf_fail(GF_UNSUPPORTED,
                       "%s: a symbolic link, through which nothing is written; put a folder "
                       "there, or name one with --store",
                       path);
    return gf_folder_make(path);
}

static gf_status check_hex(const char *what, const char *text, size_t digits)
{
    size_t size = strspn(text, "0123456789abcdef");
    if (text[size] || size != digits)
        return gf_fail(GF_INVALID, "%s '%.40s' is not %zu lower-case hex digits", what, text,
                       digits);
    return GF_OK;
}

static gf_status make_path(char *out, size_t size, const char *root, const char *key,
                           const char *rest)
{
    gf_status status;
    GF_TRY(check_hex("stage key", key, 32));
    GF_TRY(gf_store_folder_make(root));
    int length = snprintf(out, size, "%s/%.2s", root, key);
    if (length < 0 || (size_t)length >= size) {
        status = gf_fail(GF_INVALID, "%.80s...: path too long", root);
        goto out;
    }
    GF_TRY(gf_store_folder_make(out));
    length = snprintf(out, size, "%s/%.2s/%s%s.h5", root, key, key, rest);
    if (length < 0 || (size_t)length >= size)
        status = gf_fail(GF_INVALID, "%.80s...: path too long", root);
out:
    return status;
}

gf_status gf_store_artifact_path(char *out, size_t size, const char *root, const char *key)
{
    return make_path(out, size, root, key, "");
}

gf_status gf_store_checkpoint_path(char *out, size_t size, const char *root, const char *key,
                                   const char *study_id)
{
    gf_status status;
    char rest[32];
    GF_TRY(check_hex("study id", study_id, 16));
    snprintf(rest, sizeof rest, ".%.16s.part", study_id);
    GF_TRY(make_path(out, size, root, key, rest));
out:
    return status;
}
