/* Which folder artifacts are written to. A results folder may come from somebody else, and what its
 * sweep.h5 says is not enough to write anywhere: beside the results, or where the user says. */
#include "cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BESIDE "../stages"

gf_status gf_cli_resolve_store(char out[PATH_MAX], const char *named)
{
    gf_status status;
    if (!named) {
        snprintf(out, PATH_MAX, BESIDE);
        return GF_OK;
    }
    GF_TRY(gf_folder_make(named));
    if (!realpath(named, out)) status = gf_fail(GF_IO, "--store: %s is no folder", named);
out:
    return status;
}

gf_status gf_cli_agree_on_store(const char *dir, const char *stored, const char *resolved)
{
    if (strcmp(stored, resolved) == 0) return GF_OK;
    if (strcmp(stored, BESIDE) == 0)
        return gf_fail(GF_CONFLICT, "%s was begun without --store, and goes on without it", dir);
    return gf_fail(GF_CONFLICT, "%s keeps its artifacts in %s: agree with --store %s", dir, stored,
                   stored);
}
