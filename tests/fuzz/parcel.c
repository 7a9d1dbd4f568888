/* Behind HDF5: what a reader that was taken over may tell its parent. Input: 'a' and the parcel of
 * an artifact, or 's' and that of a study; every number in it may be anything. */
#include "../../src/store/study.h"
#include "nets.h"
#include "use_study.h"

static void take_artifact(gf_parcel *parcel)
{
    gf_artifact artifact = { 0 };
    gf_net *net = NULL;
    if (gf_artifact_take(&artifact, parcel) == GF_OK && gf_net_load(&net, &artifact) == GF_OK)
        fuzz_use_net(net);
    gf_net_destroy(net);
    gf_artifact_release(&artifact);
}

static void take_study(gf_parcel *parcel)
{
    gf_study study = { .file = -1, .size = 1 << 20, .arena = gf_arena_create() };
    char dir[] = "/nowhere";
    study.dir = dir;
    if (gf_study_take(parcel, &study) == GF_OK) {
        const gf_study_plan *plan = &study.plan;
        FUZZ_REQUIRE(study.slots.pages < study.size && study.slots.first_curve);
        for (int i = 0; i < plan->trial_count; i++)
            FUZZ_REQUIRE(plan->trials[i].stages[plan->trials[i].stage_count - 1] >= 0);
        for (int i = 0; i < plan->stage_count; i++) FUZZ_REQUIRE(plan->stages[i].parent < i);
    }
    gf_arena_destroy(study.arena);
}

const int fuzz_short = 4000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    gf_parcel parcel = { .at = (const char *)data + 1, .left = size - 1 };
    if (data[0] == 'a')
        take_artifact(&parcel);
    else
        take_study(&parcel);
    return 0;
}

static char buffer[1 << 20];

static void add_net(fuzz_corpus *corpus, gf_net *net)
{
    gf_artifact artifact = { 0 };
    gf_parcel_out parcel = { .data = buffer + 1, .capacity = sizeof buffer - 1 };
    FUZZ_REQUIRE(gf_net_save(net, &artifact) == GF_OK);
    FUZZ_REQUIRE(gf_artifact_put(&parcel, &artifact) == GF_OK && !parcel.full);
    buffer[0] = 'a';
    if (parcel.size < 200000) fuzz_add(corpus, buffer, parcel.size + 1);
    gf_artifact_release(&artifact);
}

void fuzz_seeds(fuzz_corpus *corpus)
{
    const gf_study_plan plan = fuzz_plan();
    gf_parcel_out parcel = { .data = buffer + 1, .capacity = sizeof buffer - 1 };
    buffer[0] = 's';
    gf_parcel_put_text(&parcel, "0123456789abcdef");
    for (uint64_t page = 1; page < 4; page++) gf_parcel_put_number(&parcel, page << 16);
    gf_plan_put(&parcel, &plan);
    fuzz_add(corpus, buffer, parcel.size + 1);
    fuzz_each_net(corpus, add_net);
}
