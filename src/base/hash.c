/* XXH3-128 for identities, its low word for addresses by name, zlib's CRC-32 for rows on disk. */
#include <gridfront/base.h>

#include <string.h>
#include <xxhash.h>
#include <zlib.h>

gf_key gf_hash(const void *data, size_t size)
{
    gf_key key;
    XXH128_hash_t hash = XXH3_128bits(data, size);
    XXH128_canonical_t bytes;
    XXH128_canonicalFromHash(&bytes, hash);
    for (size_t i = 0; i < sizeof bytes.digest; i++)
        snprintf(key.hex + 2 * i, 3, "%02x", bytes.digest[i]);
    return key;
}

uint32_t gf_hash32(const char *text)
{
    return (uint32_t)XXH3_64bits(text, strlen(text));
}

uint32_t gf_crc32(const void *data, size_t size)
{
    return (uint32_t)crc32_z(0, data, size);
}
