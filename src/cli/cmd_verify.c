/* gridfront verify DIR, gridfront gc ROOT: upkeep of what is on disk. */
#include "cli.h"

static void print_line(void *context, const char *line)
{
    int *lines = context;
    (*lines)++;
    puts(line);
}

int cmd_verify(int argc, char **argv)
{
    const char *dir = NULL;
    const gf_flag flags[] = { { 0 } };
    int lines = 0;
    gf_status status = gf_arguments_read(&dir, 1, 1, flags, argc, argv);
    if (status == GF_OK) status = gf_study_verify(dir, print_line, &lines);
    if (status == GF_CORRUPT && lines) {
        printf("%d %s\n", lines, lines == 1 ? "fault" : "faults");
        return GF_EXIT_FAILED;
    }
    if (status != GF_OK) return gf_cli_fail(status);
    printf("%s: everything checks\n", dir);
    return GF_EXIT_DONE;
}

int cmd_gc(int argc, char **argv)
{
    const char *root = NULL;
    bool dry = false;
    const gf_flag flags[] = { { .name = "--dry-run", .set = &dry }, { 0 } };
    int lines = 0;
    gf_status status = gf_arguments_read(&root, 1, 1, flags, argc, argv);
    if (status == GF_OK) status = gf_store_collect(root, dry, print_line, &lines);
    if (status != GF_OK) return gf_cli_fail(status);
    return GF_EXIT_DONE;
}
