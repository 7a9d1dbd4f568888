/* The frozen part of sweep.h5 that is written in place: /slots, /results, /epochs, and the
 * external links to every artifact and checkpoint, made before any of them exists. */
#include "study.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- datasets of pages ---- */

/* Contiguous, allocated and zeroed at once, so that no later write can change the layout or find
 * the disk full. Takes over `type`. */
static gf_status write_pages(const gf_h5_file *file, const char *name, hid_t type, hsize_t count)
{
    gf_status status = GF_OK;
    hid_t space = H5Screate_simple(1, &count, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, 0);
    H5Pset_layout(creation, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(creation, H5D_FILL_TIME_ALLOC);
    hid_t dataset = H5Dcreate2(file->id, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (dataset < 0)
        status = gf_h5_fail(GF_NOMEM, file, "cannot create the dataset", name);
    else
        H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

#define ANCHOR "gridfront anchor"

/* What to add to H5Dget_offset to get a place in the file: versions of HDF5 differ in whether they
 * count the user block. Found by looking for a text that we know. */
static gf_status find_base(uint64_t *base, const gf_h5_file *file, int descriptor)
{
    gf_status status;
    hid_t dataset = -1;
    gf_h5_shape shape;
    char found[sizeof ANCHOR] = "";
    GF_TRY(gf_h5_dataset_open(&dataset, &shape, file, file->id, "anchor"));
    haddr_t offset = H5Dget_offset(dataset);
    for (*base = 0; *base <= GF_PAGE; *base += GF_PAGE) {
        off_t at = (off_t)(offset + *base);
        if (offset != HADDR_UNDEF && pread(descriptor, found, sizeof ANCHOR - 1, at) > 0 &&
            !strcmp(found, ANCHOR))
            goto out;
    }
    status = gf_fail(GF_CORRUPT, "%s: its anchor is not where HDF5 says it is", file->path);
out:
    if (dataset >= 0) H5Dclose(dataset);
    return status;
}

/* Takes over `type`. The offset is where the dataset's first byte is in the file. */
static gf_status find_pages(uint64_t *offset, const gf_h5_file *file, uint64_t base,
                            const char *name, hid_t type, uint64_t count)
{
    gf_status status;
    hid_t dataset = -1;
    gf_h5_shape shape;
    GF_TRY(gf_h5_dataset_open(&dataset, &shape, file, file->id, name));
    haddr_t found = H5Dget_offset(dataset);
    if (shape.rank != 1 || shape.count != count || !gf_h5_has_type(dataset, type) ||
        found == HADDR_UNDEF || found % GF_PAGE)
        status = gf_fail(GF_CORRUPT, "%s: dataset '%s' is not laid out as it was created",
                         file->path, name);
    else
        *offset = found + base;
out:
    if (dataset >= 0) H5Dclose(dataset);
    H5Tclose(type);
    return status;
}

/* Rows of /epochs: every stage begins on a page. first[i] may be NULL. */
static uint64_t count_curve_rows(int64_t *first, const gf_study_plan *plan)
{
    uint64_t rows = 0;
    for (int i = 0; i < plan->stage_count; i++) {
        if (first) first[i] = (int64_t)rows;
        uint64_t pages = ((uint64_t)plan->stages[i].epochs + GF_CURVE_ROWS - 1) / GF_CURVE_ROWS;
        rows += pages * GF_CURVE_ROWS;
    }
    return rows ? rows : GF_CURVE_ROWS;
}

double gf_study_expect_bytes(const gf_stage_row *stages, int count, int metrics)
{
    enum { PLAN = 33000, ROW = 440 }; /* as measured: empty tables; a stage's row and its links */
    const gf_study_plan plan = { .stages = stages, .stage_count = count };
    double pages = GF_PAGE + (double)gf_result_pages_size(metrics);
    return PLAN + count * (ROW + pages) +
           (double)count_curve_rows(NULL, &plan) * (double)sizeof(gf_curve_row);
}

uint64_t gf_slots_curve_rows(const gf_study_plan *plan)
{
    return count_curve_rows(NULL, plan);
}

void gf_slots_clear_pages(char *bytes, const gf_slots *slots, const gf_study_plan *plan)
{
    size_t stages = (size_t)plan->stage_count;
    memset(bytes + slots->pages, 0, stages * GF_PAGE);
    memset(bytes + slots->results, 0, stages * gf_result_pages_size(plan->metric_count));
    memset(bytes + slots->curves, 0, count_curve_rows(NULL, plan) * sizeof(gf_curve_row));
}

static gf_status write_first_rows(const gf_h5_file *file, const gf_study_plan *plan)
{
    gf_status status;
    size_t count = (size_t)plan->stage_count;
    gf_h5_shape shape = { .rank = 1, .dims = { count }, .item = 8, .count = count };
    int64_t *first = gf_alloc(count, sizeof *first);
    GF_TRY_ALLOC(first);
    count_curve_rows(first, plan);
    GF_TRY(gf_h5_write(file, file->id, "epochs_start", gf_h5_type(GF_I64), &shape, first));
out:
    free(first);
    return status;
}

/* ---- links ---- */

gf_status gf_slots_link_text(char out[PATH_MAX], const gf_study_plan *plan, int row,
                             const char *checkpoint_id)
{
    const char *key = plan->stages[row].key;
    int length = checkpoint_id ? snprintf(out, PATH_MAX, "%s/%.2s/%s.%s.part.h5", plan->store, key,
                                          key, checkpoint_id)
                               : snprintf(out, PATH_MAX, "%s/%.2s/%s.h5", plan->store, key, key);
    if (length < 0 || length >= PATH_MAX)
        return gf_fail(GF_INVALID, "store '%.80s...': path too long", plan->store);
    return GF_OK;
}

static gf_status write_links(const gf_h5_file *file, const char *group_name,
                             const gf_study_plan *plan, const char *checkpoint_id)
{
    gf_status status;
    hid_t group = -1;
    char target[PATH_MAX], name[16];
    GF_TRY(gf_h5_group_create(&group, file, group_name));
    for (int i = 0; i < plan->stage_count; i++) {
        GF_TRY(gf_slots_link_text(target, plan, i, checkpoint_id));
        snprintf(name, sizeof name, "%d", i);
        if (H5Lcreate_external(target, "/", group, name, H5P_DEFAULT, H5P_DEFAULT) < 0) {
            status = gf_h5_fail(GF_NOMEM, file, "cannot create the link", target);
            goto out;
        }
    }
out:
    if (group >= 0) H5Gclose(group);
    return status;
}

/* Does the link stand as it was made? Its target is never opened. */
static bool link_is(hid_t group, int row, const char *target)
{
    char name[16], value[PATH_MAX + 16];
    const char *path = NULL, *object = NULL;
    H5L_info_t about;
    snprintf(name, sizeof name, "%d", row);
    return H5Lget_info(group, name, &about, H5P_DEFAULT) >= 0 && about.type == H5L_TYPE_EXTERNAL &&
           about.u.val_size <= sizeof value &&
           H5Lget_val(group, name, value, sizeof value, H5P_DEFAULT) >= 0 &&
           H5Lunpack_elink_val(value, about.u.val_size, NULL, &path, &object) >= 0 &&
           !strcmp(path, target) && !strcmp(object, "/");
}

static gf_status check_links(const gf_h5_file *file, const char *group_name,
                             const gf_study_plan *plan, const char *checkpoint_id)
{
    gf_status status;
    hid_t group = -1;
    char target[PATH_MAX];
    GF_TRY(gf_h5_group_open(&group, file, group_name));
    for (int i = 0; i < plan->stage_count; i++) {
        GF_TRY(gf_slots_link_text(target, plan, i, checkpoint_id));
        if (link_is(group, i, target)) continue;
        status = gf_fail(GF_CORRUPT, "%s: link /%s/%d does not lead to %s", file->path, group_name,
                         i, target);
        goto out;
    }
out:
    if (group >= 0) H5Gclose(group);
    return status;
}

gf_status gf_slots_check_links(const gf_h5_file *file, const gf_study_plan *plan, const char *id)
{
    gf_status status;
    GF_TRY(check_links(file, "artifacts", plan, NULL));
    GF_TRY(check_links(file, "checkpoints", plan, id));
out:
    return status;
}

/* ---- the whole ---- */

gf_status gf_slots_write(const gf_h5_file *file, const gf_study_plan *plan, const char *id)
{
    gf_status status;
    hsize_t stages = (hsize_t)plan->stage_count;
    GF_TRY(gf_h5_text_write(file, file->id, "anchor", ANCHOR));
    GF_TRY(write_first_rows(file, plan));
    GF_TRY(write_pages(file, "slots", gf_slot_type(), stages));
    GF_TRY(write_pages(file, "results", gf_result_type(plan->metric_count), stages));
    GF_TRY(write_pages(file, "epochs", gf_curve_type(), count_curve_rows(NULL, plan)));
    GF_TRY(write_links(file, "artifacts", plan, NULL));
    GF_TRY(write_links(file, "checkpoints", plan, id));
out:
    return status;
}

gf_status gf_slots_find(gf_slots *slots, const gf_h5_file *file, int descriptor,
                        const gf_study_plan *plan)
{
    gf_status status;
    uint64_t base;
    uint64_t stages = (uint64_t)plan->stage_count;
    GF_TRY(find_base(&base, file, descriptor));
    GF_TRY(find_pages(&slots->pages, file, base, "slots", gf_slot_type(), stages));
    GF_TRY(find_pages(&slots->results, file, base, "results", gf_result_type(plan->metric_count),
                      stages));
    GF_TRY(find_pages(&slots->curves, file, base, "epochs", gf_curve_type(),
                      count_curve_rows(NULL, plan)));
out:
    return status;
}

typedef struct extent {
    uint64_t at, size;
} extent;

static bool lies_in(const extent *it, uint64_t file_size)
{
    return it->at >= GF_PAGE && it->at <= file_size && it->size <= file_size - it->at;
}

static bool overlap(const extent *a, const extent *b)
{
    return a->at < b->at + b->size && b->at < a->at + a->size;
}

gf_status gf_slots_settle(gf_slots *slots, gf_arena *arena, const gf_study_plan *plan,
                          uint64_t file_size, const char *path)
{
    gf_status status = GF_OK;
    uint64_t stages = (uint64_t)plan->stage_count;
    int64_t *first = gf_arena_alloc(arena, (size_t)stages * sizeof *first);
    GF_TRY_ALLOC(first);
    const extent pages = { slots->pages, stages * GF_PAGE },
                 results = { slots->results, stages * gf_result_pages_size(plan->metric_count) },
                 curves = { slots->curves, count_curve_rows(first, plan) * sizeof(gf_curve_row) };
    if (!lies_in(&pages, file_size) || !lies_in(&results, file_size) ||
        !lies_in(&curves, file_size) || overlap(&pages, &results) || overlap(&pages, &curves) ||
        overlap(&results, &curves))
        status = gf_fail(GF_CORRUPT, "%s: its rows do not lie in it as they were created", path);
    slots->first_curve = first;
out:
    return status;
}
