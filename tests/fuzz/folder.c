/* Files for readers that want a path, and the list of real inputs. */
#include "fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static char folder[64];

/* In the process that made it only: children of a harness leave it alone. */
static pid_t maker;

static void remove_folder(void)
{
    char command[128];
    if (getpid() != maker) return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
}

const char *fuzz_folder(void)
{
    if (folder[0]) return folder;
    bool memory = access("/dev/shm", W_OK) == 0;
    snprintf(folder, sizeof folder, "%s/gridfront-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) abort();
    maker = getpid();
    atexit(remove_folder);
    return folder;
}

const char *fuzz_file(const char *name, const void *data, size_t size)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size) abort();
    close(file);
    return path;
}

void fuzz_add(fuzz_corpus *corpus, const void *data, size_t size)
{
    size_t count = (size_t)corpus->count + 1;
    corpus->inputs = realloc(corpus->inputs, count * sizeof *corpus->inputs);
    corpus->sizes = realloc(corpus->sizes, count * sizeof *corpus->sizes);
    char *copy = malloc(size + 1);
    if (!corpus->inputs || !corpus->sizes || !copy) abort();
    memcpy(copy, data, size);
    corpus->inputs[corpus->count] = copy;
    corpus->sizes[corpus->count++] = size;
}

void fuzz_add_file(fuzz_corpus *corpus, const char *path)
{
    char *data = NULL;
    size_t size = 0;
    if (gf_file_read(&data, &size, path, 64 << 20) == GF_OK) fuzz_add(corpus, data, size);
    free(data);
}
