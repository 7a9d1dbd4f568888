/* store: tensors and artifacts, on real files, undamaged and damaged. */
#include "store_study.h"

#include <math.h>
#include <sys/stat.h>

/* ---- helpers ---- */

/* Every type and rank, an empty tensor, a large compressible one, infinity and NaN. */
static void fill(gf_artifact *artifact)
{
    enum { LARGE = 300000 };
    float *large = malloc(LARGE * sizeof *large);
    REQUIRE(large != NULL);
    for (int i = 0; i < LARGE; i++) large[i] = i % 3 ? (float)i * 0.001f : 0;
    artifact->graph = gf_strdup("input 32 32 3\nconv \xc3\xa9\n");
    REQUIRE_OK(gf_options_parse(&artifact->facts, "accuracy = 0.5\nempty = \n"));
    gf_tensors *tensors = &artifact->tensors;
    REQUIRE_OK(gf_tensors_add(tensors, NULL, "z.weight", GF_F32, 4, (int64_t[]){ 100, 3, 10, 100 },
                              large));
    REQUIRE_OK(gf_tensors_add(tensors, NULL, "a.scalar", GF_F64, 0, NULL, &(double){ NAN }));
    REQUIRE_OK(gf_tensors_add(tensors, NULL, "steps", GF_I64, 1, (int64_t[]){ 2 },
                              (int64_t[]){ INT64_MIN, 7 }));
    REQUIRE_OK(gf_tensors_add(tensors, NULL, "none", GF_I32, 2, (int64_t[]){ 0, 5 }, NULL));
    REQUIRE_OK(gf_tensors_add(tensors, NULL, "mask", GF_U8, 3, (int64_t[]){ 1, 2, 3 }, "abcdef"));
    free(large);
}

static gf_key save_filled(const char *path)
{
    gf_artifact artifact = { 0 };
    fill(&artifact);
    gf_key key = gf_artifact_hash(&artifact);
    EXPECT_STATUS(gf_artifact_save(path, &artifact), GF_OK);
    gf_artifact_release(&artifact);
    return key;
}

/* ---- tensors ---- */

TEST("store: tensors", "a tensor is found under its name with a copy of its data")
{
    gf_tensors tensors = { 0 };
    float data[6] = { 1, 2, 3, 4, 5, 6 };
    REQUIRE_OK(gf_tensors_add(&tensors, NULL, "w", GF_F32, 2, (int64_t[]){ 2, 3 }, data));
    data[0] = 99;
    gf_tensor *found = gf_tensors_find(&tensors, "w");
    REQUIRE(found != NULL);
    EXPECT_EQ(gf_tensor_count(found), 6);
    EXPECT_NEAR(((float *)found->data)[0], 1, 0);
    EXPECT(gf_tensors_find(&tensors, "v") == NULL);
    gf_tensors_release(&tensors);
}

TEST("store: tensors", "wrong names, ranks and sizes are refused with the value")
{
    gf_tensors tensors = { 0 };
    int64_t huge[4] = { INT64_MAX, INT64_MAX, 2, 2 }, negative[1] = { -1 };
    REQUIRE_OK(gf_tensors_add(&tensors, NULL, "w", GF_U8, 0, NULL, NULL));
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "w", GF_U8, 0, NULL, NULL), GF_INVALID);
    EXPECT_CONTAINS(gf_error_message(), "'w'");
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "a/b", GF_U8, 0, NULL, NULL), GF_INVALID);
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, ".", GF_U8, 0, NULL, NULL), GF_INVALID);
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "", GF_U8, 0, NULL, NULL), GF_INVALID);
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "x", GF_U8, 5, huge, NULL), GF_INVALID);
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "x", GF_F32, 4, huge, NULL), GF_INVALID);
    EXPECT_STATUS(gf_tensors_add(&tensors, NULL, "x", GF_F32, 1, negative, NULL), GF_INVALID);
    EXPECT_EQ(tensors.count, 1);
    gf_tensors_release(&tensors);
}

/* ---- artifacts ---- */

TEST("store: artifact", "what was saved is loaded bit for bit, in the same order")
{
    const char *path = path_of("round.h5");
    gf_artifact saved = { 0 }, loaded = { 0 };
    fill(&saved);
    REQUIRE_OK(gf_artifact_save(path, &saved));
    REQUIRE_OK(gf_artifact_load(&loaded, path));
    EXPECT_TEXT(loaded.graph, saved.graph);
    EXPECT_TEXT(gf_options_get(loaded.facts, "accuracy"), "0.5");
    EXPECT_TEXT(gf_options_get(loaded.facts, "empty"), "");
    REQUIRE(loaded.tensors.count == saved.tensors.count);
    for (int i = 0; i < saved.tensors.count; i++) {
        const gf_tensor *a = &saved.tensors.items[i], *b = &loaded.tensors.items[i];
        EXPECT_TEXT(b->name, a->name);
        EXPECT_EQ(b->dtype, a->dtype);
        EXPECT_EQ(b->rank, a->rank);
        EXPECT(!memcmp(a->dims, b->dims, sizeof a->dims));
        EXPECT(!memcmp(a->data, b->data, (size_t)gf_tensor_count(a) * gf_dtype_size(a->dtype)));
    }
    EXPECT_TEXT(gf_artifact_hash(&loaded).hex, gf_artifact_hash(&saved).hex);
    gf_artifact_release(&saved);
    gf_artifact_release(&loaded);
}

TEST("store: artifact", "an artifact without graph, facts or tensors is fine")
{
    gf_artifact empty = { 0 }, loaded = { 0 };
    REQUIRE_OK(gf_artifact_save(path_of("empty.h5"), &empty));
    REQUIRE_OK(gf_artifact_load(&loaded, path_of("empty.h5")));
    EXPECT_TEXT(loaded.graph, "");
    EXPECT_EQ(loaded.tensors.count, 0);
    gf_artifact_release(&loaded);
}

TEST("store: artifact", "saving over an artifact, or over rubbish, leaves the new one alone")
{
    const char *path = path_of("over.h5");
    gf_artifact small = { 0 }, loaded = { 0 };
    gf_key large = save_filled(path);
    REQUIRE_OK(gf_artifact_save(path, &small));
    REQUIRE_OK(gf_artifact_load(&loaded, path));
    EXPECT_EQ(loaded.tensors.count, 0);
    gf_artifact_release(&loaded);
    REQUIRE_OK(gf_file_write(path, "rubbish", 7));
    EXPECT_TEXT(save_filled(path).hex, large.hex);
    REQUIRE_OK(gf_artifact_load(&loaded, path));
    EXPECT_TEXT(gf_artifact_hash(&loaded).hex, large.hex);
    gf_artifact_release(&loaded);
}

TEST("store: artifact", "equal contents give equal files, also a second later")
{
    char *first = NULL, *second = NULL;
    size_t first_size = 0, second_size = 1;
    gf_key one = save_filled(path_of("one.h5"));
    gf_sleep(1.1);
    gf_key two = save_filled(path_of("two.h5"));
    REQUIRE_OK(gf_file_read(&first, &first_size, path_of("one.h5"), 1 << 24));
    REQUIRE_OK(gf_file_read(&second, &second_size, path_of("two.h5"), 1 << 24));
    EXPECT_TEXT(one.hex, two.hex);
    EXPECT_EQ(first_size, second_size);
    EXPECT(first_size == second_size && !memcmp(first, second, first_size));
    free(first);
    free(second);
}

static off_t size_of_weights(const char *path, int distinct)
{
    enum { COUNT = 1 << 18 };
    gf_artifact artifact = { 0 };
    gf_tensor *weights;
    struct stat about = { 0 };
    gf_random random = { .seed = 5, .purpose = GF_PURPOSE_TEST };
    EXPECT_STATUS(
        gf_tensors_add(&artifact.tensors, &weights, "w", GF_F32, 1, (int64_t[]){ COUNT }, NULL),
        GF_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t which = distinct ? gf_random_below(&random, i, 0, (uint32_t)distinct) : i;
        ((float *)weights->data)[i] = (float)gf_random_normal(&random, which, 1);
    }
    EXPECT_STATUS(gf_artifact_save(path, &artifact), GF_OK);
    EXPECT(stat(path, &about) == 0);
    gf_artifact_release(&artifact);
    return about.st_size;
}

TEST("store: artifact", "clustered weights are stored compressed, dense ones as they are")
{
    EXPECT(size_of_weights(path_of("clustered.h5"), 16) < (1 << 20) * 6 / 10);
    EXPECT(size_of_weights(path_of("dense.h5"), 0) >= 1 << 20);
}

TEST("store: artifact", "the hash tells one changed bit, name, shape, fact or order")
{
    gf_artifact artifact = { 0 };
    fill(&artifact);
    gf_key whole = gf_artifact_hash(&artifact);
    gf_tensor *mask = gf_tensors_find(&artifact.tensors, "mask");
    REQUIRE(mask != NULL);
    ((char *)mask->data)[5] ^= 1;
    EXPECT(strcmp(gf_artifact_hash(&artifact).hex, whole.hex) != 0);
    ((char *)mask->data)[5] ^= 1;
    EXPECT_TEXT(gf_artifact_hash(&artifact).hex, whole.hex);
    mask->dims[0] = 2, mask->dims[1] = 1;
    EXPECT(strcmp(gf_artifact_hash(&artifact).hex, whole.hex) != 0);
    mask->dims[0] = 1, mask->dims[1] = 2;
    REQUIRE_OK(gf_options_set(artifact.facts, "accuracy", "0.51"));
    EXPECT(strcmp(gf_artifact_hash(&artifact).hex, whole.hex) != 0);
    gf_artifact_release(&artifact);
}

TEST("store: artifact", "any flipped bit is found, and the message names the file")
{
    const char *path = path_of("flip.h5");
    gf_artifact loaded = { 0 };
    struct stat about;
    save_filled(path);
    REQUIRE(stat(path, &about) == 0);
    for (long i = 0; i < 60; i++) {
        long at = (long)(((uint64_t)i * 2654435761u) % (uint64_t)about.st_size);
        EXPECT_EQ(flip_bit(path, at, (int)(i % 8)), about.st_size);
        EXPECT_STATUS(gf_artifact_load(&loaded, path), GF_CORRUPT);
        EXPECT_CONTAINS(gf_error_message(), "flip.h5");
        flip_bit(path, at, (int)(i % 8));
    }
    REQUIRE_OK(gf_artifact_load(&loaded, path));
    gf_artifact_release(&loaded);
}

TEST("store: artifact", "a truncated, lengthened, empty or foreign file is corrupt, a missing one "
                        "not found")
{
    const char *path = path_of("cut.h5");
    gf_artifact loaded = { 0 };
    struct stat about;
    save_filled(path);
    REQUIRE(stat(path, &about) == 0);
    REQUIRE(truncate(path, about.st_size + 1) == 0);
    EXPECT_STATUS(gf_artifact_load(&loaded, path), GF_CORRUPT);
    for (off_t size = about.st_size - 1; size > 0; size = size * 2 / 3) {
        REQUIRE(truncate(path, size) == 0);
        EXPECT_STATUS(gf_artifact_load(&loaded, path), GF_CORRUPT);
    }
    REQUIRE_OK(gf_file_write(path, "hello", 5));
    EXPECT_STATUS(gf_artifact_load(&loaded, path), GF_CORRUPT);
    REQUIRE_OK(gf_file_write(path, "", 0));
    EXPECT_STATUS(gf_artifact_load(&loaded, path), GF_CORRUPT);
    EXPECT_STATUS(gf_artifact_load(&loaded, path_of("nothing.h5")), GF_NOTFOUND);
}

/* ---- paths ---- */

TEST("store: paths", "artifact and checkpoint of one key lie in one of 256 folders")
{
    char path[256], wanted[256];
    const char *key = "ab0123456789abcdef0123456789abcd";
    REQUIRE_OK(gf_store_artifact_path(path, sizeof path, test_folder(), key));
    snprintf(wanted, sizeof wanted, "%s/ab/%s.h5", test_folder(), key);
    EXPECT_TEXT(path, wanted);
    REQUIRE_OK(gf_store_checkpoint_path(path, sizeof path, test_folder(), key, "00112233445566ff"));
    snprintf(wanted, sizeof wanted, "%s/ab/%s.00112233445566ff.part.h5", test_folder(), key);
    EXPECT_TEXT(path, wanted);
    EXPECT_STATUS(gf_store_artifact_path(path, sizeof path, test_folder(), "../../etc/passwd"),
                  GF_INVALID);
    EXPECT_STATUS(gf_store_artifact_path(path, 20, test_folder(), key), GF_INVALID);
}
