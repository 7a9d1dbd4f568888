/* Canonical Huffman codes: building, writing, reading. Alphabets have 256 symbols at most, so that
 * the two lightest trees are found by looking at all of them. */
#include "huffman.h"

#include <string.h>

enum { NODES = 2 * GF_HUFFMAN_SYMBOLS };

/* The lightest of those that have no parent yet, the first of equal ones; -1: none. */
static int lightest(const uint64_t *weight, const int *parent, int count, int but)
{
    int best = -1;
    for (int n = 0; n < count; n++)
        if (weight[n] && !parent[n] && n != but && (best < 0 || weight[n] < weight[best])) best = n;
    return best;
}

/* Depth of every symbol in Huffman's tree; returns the largest. Node 0 is a symbol, so that 0 can
 * say "no parent". */
static int find_lengths(gf_huffman *h, const uint64_t *weights)
{
    uint64_t weight[NODES] = { 0 };
    int parent[NODES] = { 0 }, count = GF_HUFFMAN_SYMBOLS, most = 0;
    memcpy(weight, weights, GF_HUFFMAN_SYMBOLS * sizeof *weight);
    for (;; count++) {
        int a = lightest(weight, parent, count, -1), b = lightest(weight, parent, count, a);
        if (b < 0) break;
        weight[count] = weight[a] + weight[b];
        parent[a] = parent[b] = count;
    }
    for (int s = 0; s < GF_HUFFMAN_SYMBOLS; s++) {
        int depth = 0;
        for (int n = s; parent[n]; n = parent[n]) depth++;
        bool alone = weights[s] && depth == 0;
        h->length[s] = (unsigned char)(alone ? 1 : depth);
        most = depth > most ? depth : most;
    }
    return most;
}

/* Codes from lengths (Deflate's rule, RFC 1951, section 3.2.2). False: there are too many. */
static bool assign_codes(gf_huffman *h)
{
    uint32_t next = 0;
    int placed = 0;
    memset(h->counts, 0, sizeof h->counts);
    for (int s = 0; s < GF_HUFFMAN_SYMBOLS; s++) h->counts[h->length[s]]++;
    h->counts[0] = 0;
    for (int length = 1; length <= GF_HUFFMAN_LENGTH; length++) {
        next <<= 1;
        for (int s = 0; s < GF_HUFFMAN_SYMBOLS; s++) {
            if (h->length[s] != length) continue;
            if (next >> length) return false;
            h->code[s] = (uint16_t)next++;
            h->sorted[placed++] = (unsigned char)s;
        }
    }
    return true;
}

void gf_huffman_build(gf_huffman *huffman, const uint64_t weights[GF_HUFFMAN_SYMBOLS])
{
    uint64_t halved[GF_HUFFMAN_SYMBOLS];
    *huffman = (gf_huffman){ 0 };
    memcpy(halved, weights, sizeof halved);
    while (find_lengths(huffman, halved) > GF_HUFFMAN_LENGTH)
        for (int s = 0; s < GF_HUFFMAN_SYMBOLS; s++) halved[s] = (halved[s] + 1) / 2;
    assign_codes(huffman);
}

void gf_huffman_write_table(gf_bit_writer *writer, const gf_huffman *huffman)
{
    int last = GF_HUFFMAN_SYMBOLS - 1;
    while (last > 0 && !huffman->length[last]) last--;
    gf_bits_write(writer, (uint64_t)last, 8);
    for (int s = 0; s <= last; s++) gf_bits_write(writer, huffman->length[s], 4);
}

gf_status gf_huffman_read_table(gf_huffman *huffman, gf_bit_reader *reader)
{
    *huffman = (gf_huffman){ 0 };
    int last = (int)gf_bits_read(reader, 8);
    for (int s = 0; s <= last; s++) huffman->length[s] = (unsigned char)gf_bits_read(reader, 4);
    if (!assign_codes(huffman))
        return gf_fail(GF_CORRUPT, "packed tensor: no Huffman code has such lengths");
    return GF_OK;
}

void gf_huffman_write(gf_bit_writer *writer, const gf_huffman *huffman, uint32_t symbol)
{
    for (int bit = huffman->length[symbol] - 1; bit >= 0; bit--)
        gf_bits_write(writer, huffman->code[symbol] >> bit & 1, 1);
}

/* `first`: the smallest code of this length; `before`: how many symbols have shorter ones. */
int gf_huffman_read(gf_bit_reader *reader, const gf_huffman *huffman)
{
    uint32_t code = 0, first = 0, before = 0;
    for (int length = 1; length <= GF_HUFFMAN_LENGTH; length++) {
        uint32_t count = huffman->counts[length];
        code = code << 1 | gf_bits_read(reader, 1);
        first <<= 1;
        if (code < first + count) return huffman->sorted[before + code - first];
        first += count;
        before += count;
    }
    return -1;
}
