/* gridfront --version: all that a result may depend on. */
#include "cli.h"

#include "version.h"

const char *gf_cli_version_text(void)
{
    return "gridfront " GF_VERSION_REVISION;
}

int cmd_version(int argc, char **argv)
{
    char numerics[192];
    const gf_flag flags[] = { { 0 } };
    gf_status status = gf_arguments_read(NULL, 0, 0, flags, argc, argv);
    if (status != GF_OK) return gf_cli_fail(status);
    gf_cli_numerics(numerics);
    printf("gridfront  %s\n", GF_VERSION_REVISION);
    printf("compiler   %s\n", GF_VERSION_COMPILER);
    printf("flags      %s\n", GF_VERSION_FLAGS);
    printf("libraries  %s\n", GF_VERSION_LIBRARIES);
    printf("numerics   %s\n", numerics);
    printf("kernels   ");
    for (const char *const *name = gf_kernels_names(); *name; name++) printf(" %s", *name);
    printf("\n");
    return GF_EXIT_DONE;
}
