/* Private to store: what a reader hands from its own process to ours, numbers and runs of bytes
 * one after another, and how it is run there. */
#ifndef GRIDFRONT_STORE_PARCEL_H
#define GRIDFRONT_STORE_PARCEL_H

#include <gridfront/store.h>

/* ---- putting: into memory shared with the parent; what does not fit is remembered ---- */

typedef struct gf_parcel_out {
    char *data;
    size_t size, capacity;
    bool full;
} gf_parcel_out;

void gf_parcel_put_raw(gf_parcel_out *parcel, const void *bytes, size_t size);
void gf_parcel_put_number(gf_parcel_out *parcel, uint64_t number);
void gf_parcel_put_bytes(gf_parcel_out *parcel, const void *bytes, size_t size); /* and how many */
void gf_parcel_put_text(gf_parcel_out *parcel, const char *text);                /* NULL as "" */
void gf_parcel_put_tensor(gf_parcel_out *parcel, const gf_tensor *tensor);

/* ---- taking: from somebody who may have been taken over, so nothing is believed ---- */

typedef struct gf_parcel {
    const char *at;
    size_t left;
    bool bad; /* ended early, or something in it was out of range; for good */
} gf_parcel;

uint64_t gf_parcel_number(gf_parcel *parcel, uint64_t most); /* 0 when bad */
/* `size` bytes without a length before them; zeros when bad. */
void gf_parcel_raw(gf_parcel *parcel, void *bytes, size_t size);
/* The same with their length, which must be `size`. */
void gf_parcel_copy(gf_parcel *parcel, void *bytes, size_t size);
const char *gf_parcel_text(gf_parcel *parcel); /* borrowed from the parcel; "" when bad */
/* Adds it to the list. */
gf_status gf_parcel_tensor(gf_tensors *tensors, gf_parcel *parcel);

/* ---- whole artifacts: an empty one is filled ---- */

gf_status gf_artifact_put(gf_parcel_out *parcel, const gf_artifact *artifact);
gf_status gf_artifact_take(gf_artifact *artifact, gf_parcel *parcel);

/* ---- the process ---- */

/* Fills the parcel; runs in a child that nothing outside depends on. */
typedef gf_status gf_apart_read(gf_parcel_out *parcel, void *context);
typedef gf_status gf_apart_take(gf_parcel *parcel, void *context);

/* Runs `read` in a child with little memory, processor time and no right to write files, and when
 * it has ended `take` (may be NULL) here, on what it put. The status and message of a read that
 * fails are passed on; CORRUPT when the child was killed, whatever killed it, or when `take` leaves
 * something. `path` is the file that is read: for messages, and its size sets the limits. */
gf_status gf_read_apart(const char *path, gf_apart_read *read, gf_apart_take *take, void *context);

#endif
