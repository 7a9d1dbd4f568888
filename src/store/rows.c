/* Rows on disk: their seals, and how HDF5 describes them. */
#include "rows.h"

#include <string.h>

_Static_assert(sizeof(gf_seal) == 16, "a seal has no holes");
_Static_assert(sizeof(gf_state_row) == 32, "a state row has no holes");
_Static_assert(sizeof(gf_stage_attempt) == 40 + GF_HOST_NAME + GF_REASON, "nor has an attempt");
_Static_assert(sizeof(gf_attempt_row) == sizeof(gf_stage_attempt) + 16, "nor its row");
_Static_assert(sizeof(gf_epoch_row) == 56 && sizeof(gf_curve_row) == 128, "nor a curve's row");
_Static_assert(sizeof(gf_slot_page) == GF_PAGE, "a slot is one page");

size_t gf_result_row_size(int metrics)
{
    return (size_t)metrics * sizeof(double) + sizeof(gf_seal);
}

size_t gf_result_pages_size(int metrics)
{
    return (2 * gf_result_row_size(metrics) + GF_PAGE - 1) / GF_PAGE * GF_PAGE;
}

/* ---- seals ---- */

void gf_row_seal(void *row, size_t size, int stage, uint32_t fence, uint32_t sequence)
{
    gf_seal seal = { .stage = stage, .fence = fence, .sequence = sequence };
    char *at = (char *)row + size - sizeof seal;
    memcpy(at, &seal, sizeof seal);
    seal.crc = gf_crc32(row, size - sizeof seal.crc);
    memcpy(at, &seal, sizeof seal);
}

static bool all_zero(const char *bytes, size_t size)
{
    return size == 0 || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

gf_row_kind gf_row_check(gf_seal *seal, const void *row, size_t size, int stage)
{
    memcpy(seal, (const char *)row + size - sizeof *seal, sizeof *seal);
    if (all_zero(row, size)) return GF_ROW_EMPTY;
    bool good = seal->crc == gf_crc32(row, size - sizeof seal->crc) && seal->stage == stage &&
                seal->sequence > 0;
    return good ? GF_ROW_GOOD : GF_ROW_TORN;
}

void gf_row_make_printable(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if ((byte < 0x20 && !strchr("\t\n\r", byte)) || byte == 0x7f) *text = '?';
    }
}

/* ---- HDF5's view ---- */

/* Adds a member and closes its type unless it is one of HDF5's own. */
static void add_member(hid_t type, const char *name, size_t offset, hid_t member, bool owned)
{
    H5Tinsert(type, name, offset, member);
    if (owned) H5Tclose(member);
}

static hid_t array_of(hid_t item, bool owned, size_t count)
{
    hsize_t dims[1] = { count };
    hid_t type = H5Tarray_create2(item, 1, dims);
    if (owned) H5Tclose(item);
    return type;
}

static hid_t bytes_type(size_t count)
{
    return array_of(H5T_STD_U8LE, false, count);
}

static void add_seal(hid_t type, size_t offset)
{
    add_member(type, "stage", offset + offsetof(gf_seal, stage), H5T_STD_I32LE, false);
    add_member(type, "fence", offset + offsetof(gf_seal, fence), H5T_STD_U32LE, false);
    add_member(type, "sequence", offset + offsetof(gf_seal, sequence), H5T_STD_U32LE, false);
    add_member(type, "crc", offset + offsetof(gf_seal, crc), H5T_STD_U32LE, false);
}

static hid_t state_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(gf_state_row));
    add_member(type, "state", offsetof(gf_state_row, state), H5T_STD_I32LE, false);
    add_member(type, "order", offsetof(gf_state_row, order), H5T_STD_I32LE, false);
    add_member(type, "reserved", offsetof(gf_state_row, reserved),
               array_of(H5T_STD_I32LE, false, 2), true);
    add_seal(type, offsetof(gf_state_row, seal));
    return type;
}

static hid_t attempt_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(gf_attempt_row));
    add_member(type, "attempt", offsetof(gf_stage_attempt, attempt), H5T_STD_I32LE, false);
    add_member(type, "status", offsetof(gf_stage_attempt, status), H5T_STD_I32LE, false);
    add_member(type, "signal", offsetof(gf_stage_attempt, signal), H5T_STD_I32LE, false);
    add_member(type, "rank", offsetof(gf_stage_attempt, rank), H5T_STD_I32LE, false);
    add_member(type, "started", offsetof(gf_stage_attempt, started), H5T_IEEE_F64LE, false);
    add_member(type, "ended", offsetof(gf_stage_attempt, ended), H5T_IEEE_F64LE, false);
    add_member(type, "peak_memory", offsetof(gf_stage_attempt, peak_memory), H5T_STD_I64LE, false);
    add_member(type, "host", offsetof(gf_stage_attempt, host), gf_h5_text_type(GF_HOST_NAME), true);
    add_member(type, "reason", offsetof(gf_stage_attempt, reason), gf_h5_text_type(GF_REASON),
               true);
    add_seal(type, offsetof(gf_attempt_row, seal));
    return type;
}

hid_t gf_slot_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(gf_slot_page));
    add_member(type, "state", offsetof(gf_slot_page, state), array_of(state_type(), true, 2), true);
    add_member(type, "attempts", offsetof(gf_slot_page, attempts),
               array_of(attempt_type(), true, GF_ATTEMPTS_KEPT), true);
    add_member(type, "reserved", offsetof(gf_slot_page, reserved),
               bytes_type(sizeof(((gf_slot_page *)0)->reserved)), true);
    return type;
}

hid_t gf_curve_type(void)
{
    static const char *const reals[] = {
        "lr", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds"
    };
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(gf_curve_row));
    add_member(type, "epoch", offsetof(gf_epoch_row, epoch), H5T_STD_I32LE, false);
    add_member(type, "steps", offsetof(gf_epoch_row, steps), H5T_STD_I32LE, false);
    for (size_t i = 0; i < GF_COUNT(reals); i++)
        add_member(type, reals[i], offsetof(gf_epoch_row, lr) + i * sizeof(double), H5T_IEEE_F64LE,
                   false);
    add_member(type, "reserved", offsetof(gf_curve_row, reserved),
               bytes_type(sizeof(((gf_curve_row *)0)->reserved)), true);
    add_seal(type, offsetof(gf_curve_row, seal));
    return type;
}

hid_t gf_result_type(int metrics)
{
    size_t row_size = gf_result_row_size(metrics), size = gf_result_pages_size(metrics);
    hid_t row = H5Tcreate(H5T_COMPOUND, row_size), type = H5Tcreate(H5T_COMPOUND, size);
    add_member(row, "values", 0, array_of(H5T_IEEE_F64LE, false, (size_t)metrics), true);
    add_seal(row, (size_t)metrics * sizeof(double));
    add_member(type, "rows", 0, array_of(row, true, 2), true);
    if (size > 2 * row_size)
        add_member(type, "reserved", 2 * row_size, bytes_type(size - 2 * row_size), true);
    return type;
}
