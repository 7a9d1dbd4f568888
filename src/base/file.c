/* Whole files: read with a limit; written so that they are there or not there, never half. */
#include <gridfront/base.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gf_status fail_errno(const char *what, const char *path)
{
    int error = errno;
    gf_status status = error == ENOENT                                        ? GF_NOTFOUND
                       : error == ENOSPC || error == EDQUOT || error == EFBIG ? GF_FULL
                       : error == ENOMEM                                      ? GF_NOMEM
                                                                              : GF_IO;
    return gf_fail(status, "%s: %s: %s", path, what, strerror(error));
}

static gf_status read_all(int file, char *data, size_t size, size_t *got, const char *path)
{
    *got = 0;
    while (*got < size) {
        ssize_t part = read(file, data + *got, size - *got);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return fail_errno("cannot read", path);
        if (part == 0) break;
        *got += (size_t)part;
    }
    return GF_OK;
}

gf_status gf_file_read(char **data, size_t *size, const char *path, size_t limit)
{
    gf_status status = GF_OK;
    char *buffer = NULL;
    struct stat about;
    size_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not wait at a pipe */
    if (file < 0) return fail_errno("cannot open", path);
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        status = gf_fail(GF_IO, "%s: not a regular file", path);
        goto out;
    }
    if ((uint64_t)about.st_size > limit) {
        status = gf_fail(GF_INVALID, "%s: %lld bytes, more than the allowed %zu", path,
                         (long long)about.st_size, limit);
        goto out;
    }
    GF_TRY_ALLOC(buffer = malloc((size_t)about.st_size + 1));
    GF_TRY(read_all(file, buffer, (size_t)about.st_size, &got, path));
    buffer[got] = '\0';
    *data = buffer;
    *size = got;
    buffer = NULL;
out:
    free(buffer);
    close(file);
    return status;
}

static gf_status write_all(int file, const char *data, size_t size, const char *path)
{
    while (size) {
        ssize_t part = write(file, data, size);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return fail_errno("cannot write", path);
        data += part;
        size -= (size_t)part;
    }
    return GF_OK;
}

/* The folder of `path`: "." where there is no slash. */
static gf_status folder_of(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (size >= PATH_MAX) return gf_fail(GF_INVALID, "%.80s...: path too long", path);
    memcpy(out, slash ? path : ".", slash ? size : 1);
    out[slash ? size : 1] = '\0';
    return GF_OK;
}

static gf_status sync_path(const char *path, int flags)
{
    gf_status status = GF_OK;
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) return fail_errno("cannot open", path);
    /* Some file systems refuse to sync a folder (EINVAL): there is nothing more to be done. */
    if (fsync(file) != 0 && errno != EINVAL) status = fail_errno("cannot sync", path);
    close(file);
    return status;
}

gf_status gf_file_commit(const char *temporary, const char *path)
{
    gf_status status;
    char folder[PATH_MAX];
    GF_TRY(folder_of(folder, path));
    GF_TRY(sync_path(temporary, O_RDWR));
    if (rename(temporary, path) != 0) {
        status = fail_errno("cannot rename into place", path);
        goto out;
    }
    GF_TRY(sync_path(folder, O_RDONLY | O_DIRECTORY));
out:
    return status;
}

/* With the host's name: two nodes may write the same path under the same process number. */
static gf_status temporary_of(char out[PATH_MAX], const char *stem)
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    int length = snprintf(out, PATH_MAX, "%s.%s.%ld.tmp", stem, host, (long)getpid());
    if (length < 0 || length >= PATH_MAX)
        return gf_fail(GF_INVALID, "%.80s...: path too long", stem);
    return GF_OK;
}

static gf_status write_and_rename(const char *path, const char *stem, const void *data, size_t size)
{
    gf_status status;
    char temporary[PATH_MAX];
    status = temporary_of(temporary, stem);
    if (status != GF_OK) return status;
    unlink(temporary); /* of an earlier process of this number; or a link that somebody laid */
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return fail_errno("cannot create", temporary);
    status = write_all(file, data, size, temporary);
    if (close(file) != 0 && status == GF_OK) status = fail_errno("cannot write", temporary);
    GF_TRY(status);
    GF_TRY(gf_file_commit(temporary, path));
    return GF_OK;
out:
    unlink(temporary);
    return status;
}

gf_status gf_file_write_as(const char *path, const char *stem, const void *data, size_t size)
{
    gf_status status = write_and_rename(path, stem, data, size);
    return status == GF_NOTFOUND ? GF_IO : status; /* it is the folder that is gone */
}

gf_status gf_file_write(const char *path, const void *data, size_t size)
{
    return gf_file_write_as(path, path, data, size);
}

bool gf_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

gf_status gf_folder_make(const char *path)
{
    char part[PATH_MAX];
    size_t size = strlen(path);
    if (!size || size >= sizeof part) return gf_fail(GF_INVALID, "'%.80s': not a path", path);
    memcpy(part, path, size + 1);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at) continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail_errno("cannot make the folder", part);
        *at = kept;
        if (!kept) break;
    }
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return gf_fail(GF_IO, "%s: not a folder", path);
    return GF_OK;
}
