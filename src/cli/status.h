/* What `gridfront status` makes of a picture. */
#ifndef GRIDFRONT_CLI_STATUS_H
#define GRIDFRONT_CLI_STATUS_H

#include "picture.h"

/* How much room there is. lines 0: as many as it takes. */
typedef struct gf_status_frame {
    int columns, lines;
    bool color;
    bool watched; /* drawn again and again */
} gf_status_frame;

/* Ends every line with a line feed; no more lines than there are. report may be NULL: no front. */
gf_status gf_status_draw(gf_text *out, const gf_picture *picture, const gf_report *report,
                         const gf_status_frame *frame);
void gf_status_print_json(const gf_picture *picture, const gf_report *report);

/* screen.c: a terminal that is drawn on until somebody ends it. */
bool gf_screen_size(int *columns, int *lines); /* false: standard output is none */
void gf_screen_open(void);
void gf_screen_draw(const gf_text *text);
/* Leaves the terminal as it was; the text stays on it. */
void gf_screen_close(const gf_text *text);
/* Waits for the next picture; false: somebody asked to end. Sooner when the window changed. */
bool gf_screen_wait(double seconds);

#endif
