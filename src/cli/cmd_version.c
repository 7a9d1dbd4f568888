/* gridfront --version: all that a result may depend on. */
#include "cli.h"

#include "version.h"

const char *gf_cli_version_text(void)
{
    return "gridfront " GF_VERSION_REVISION;
}

int cmd_version(int argc, char **argv)
{
    gf_numerics_class numerics;
    gf_text plan = { 0 };
    const gf_flag flags[] = { { 0 } };
    gf_status status = gf_arguments_read(NULL, 0, 0, flags, argc, argv);
    if (status != GF_OK) return gf_cli_fail(status);
    gf_cli_numerics(&numerics);
    printf("gridfront  %s\n", GF_VERSION_REVISION);
    printf("compiler   %s\n", GF_VERSION_COMPILER);
    printf("flags      %s\n", GF_VERSION_FLAGS);
    printf("libraries  %s\n", GF_VERSION_LIBRARIES);
    printf("numerics   %s\n", numerics.f32);
    printf("bf16       %s\n", gf_kernels_bf16());
    printf("kernels   ");
    for (const char *const *name = gf_kernels_names(); *name; name++) printf(" %s", *name);
    gf_tune_describe(&plan);
    printf("\ntuning     %s\n", plan.data ? plan.data : "");
    gf_text_release(&plan);
    return GF_EXIT_DONE;
}
