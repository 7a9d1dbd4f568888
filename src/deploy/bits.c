/* Bit streams of the packed form. */
#include "bits.h"

void gf_bits_write(gf_bit_writer *writer, uint64_t value, int bits)
{
    writer->pending |= (value & ((1ull << bits) - 1)) << writer->pending_bits;
    writer->pending_bits += bits;
    while (writer->pending_bits >= 8) {
        char byte = (char)(writer->pending & 0xff);
        gf_text_append_bytes(writer->out, &byte, 1);
        writer->pending >>= 8;
        writer->pending_bits -= 8;
    }
}

void gf_bits_flush(gf_bit_writer *writer)
{
    if (writer->pending_bits > 0) gf_bits_write(writer, 0, 8 - writer->pending_bits);
}

uint32_t gf_bits_read(gf_bit_reader *reader, int bits)
{
    while (reader->pending_bits < bits) {
        uint64_t byte = 0;
        if (reader->next < reader->size)
            byte = reader->bytes[reader->next++];
        else
            reader->exhausted = true;
        reader->pending |= byte << reader->pending_bits;
        reader->pending_bits += 8;
    }
    uint32_t value = (uint32_t)(reader->pending & ((1ull << bits) - 1));
    reader->pending >>= bits;
    reader->pending_bits -= bits;
    return value;
}
