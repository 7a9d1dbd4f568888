/* Growable text, and the small conversions that every room prints with. */
#include <gridfront/base.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(gf_text *text, size_t more)
{
    if (text->failed) return false;
    size_t wanted = text->size + more + 1;
    if (wanted <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < wanted) capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void gf_text_append_bytes(gf_text *text, const char *bytes, size_t size)
{
    if (!text_reserve(text, size)) return;
    if (size) memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void gf_text_append_v(gf_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) {
        text->failed = true;
        return;
    }
    if (!text_reserve(text, (size_t)size)) return;
    vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
    text->size += (size_t)size;
}

void gf_text_append(gf_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    gf_text_append_v(text, format, arguments);
    va_end(arguments);
}

gf_status gf_text_check(const gf_text *text)
{
    return text->failed ? gf_fail(GF_NOMEM, "out of memory for text") : GF_OK;
}

char *gf_text_take(gf_text *text)
{
    char *data = text->failed ? NULL : text->data ? text->data : gf_strdup("");
    if (text->failed) free(text->data);
    *text = (gf_text){ 0 };
    return data;
}

void gf_text_release(gf_text *text)
{
    free(text->data);
    *text = (gf_text){ 0 };
}

char *gf_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy) memcpy(copy, text, size);
    return copy;
}

void gf_real_text(char out[32], double value)
{
    if (isnan(value)) {
        snprintf(out, 32, "nan");
        return;
    }
    /* Whole numbers without an exponent ("100000", not "1e+05"). */
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(out, 32, "%.0f", value == 0 ? 0.0 : value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value) return;
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int gf_text_distance(const char *a, const char *b)
{
    enum { LONGEST = 127 };
    int previous[LONGEST + 1], current[LONGEST + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > LONGEST || b_size > LONGEST) return LONGEST;
    for (size_t j = 0; j <= b_size; j++) previous[j] = (int)j;
    for (size_t i = 1; i <= a_size; i++) {
        current[0] = (int)i;
        for (size_t j = 1; j <= b_size; j++) {
            int change = previous[j - 1] + (a[i - 1] != b[j - 1]);
            current[j] = least(change, least(previous[j], current[j - 1]) + 1);
        }
        memcpy(previous, current, sizeof previous);
    }
    return previous[b_size];
}

int gf_text_columns(const char *text)
{
    int columns = 0;
    for (; *text; text++) columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

int gf_text_fit(const char *text, int columns)
{
    int size = 0;
    for (; text[size]; size++) {
        columns -= ((unsigned char)text[size] & 0xc0) != 0x80;
        if (columns < 0) break;
    }
    return size;
}

void gf_duration_text(char out[32], double seconds)
{
    if (!isfinite(seconds) || seconds < 0) {
        snprintf(out, 32, "?");
    } else if (seconds < 10) {
        snprintf(out, 32, "%.1f s", seconds);
    } else if (seconds < 60) {
        snprintf(out, 32, "%.0f s", seconds);
    } else if (seconds < 3600) {
        int64_t whole = llround(seconds);
        snprintf(out, 32, "%" PRId64 " min %02" PRId64, whole / 60, whole % 60);
    } else {
        int64_t minutes = llround(seconds / 60);
        snprintf(out, 32, "%" PRId64 " h %02" PRId64, minutes / 60, minutes % 60);
    }
}

void gf_bytes_text(char out[32], double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    if (!isfinite(bytes) || bytes < 0) {
        snprintf(out, 32, "?");
        return;
    }
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < GF_COUNT(units)) {
        bytes /= 1000;
        unit++;
    }
    if (unit == 0 || bytes >= 99.5)
        snprintf(out, 32, "%.0f %s", bytes, units[unit]);
    else
        snprintf(out, 32, "%.1f %s", bytes, units[unit]);
}
