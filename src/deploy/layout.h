/* Numbers of the packed form that its writer and its reader share. */
#ifndef GRIDFRONT_DEPLOY_LAYOUT_H
#define GRIDFRONT_DEPLOY_LAYOUT_H

typedef enum gf_layout {
    GF_LAYOUT_DENSE,
    GF_LAYOUT_BITMASK,
    GF_LAYOUT_RELATIVE,
    GF_LAYOUT_COUNT
} gf_layout;

enum { GF_FLAG_CODES = 1, GF_FLAG_ZEROS = 2 };
enum { GF_GAP_BITS_MOST = 16 };

#endif
