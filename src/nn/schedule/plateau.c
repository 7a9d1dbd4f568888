/* Multiplied by gamma when the validation split has not improved for `patience` epochs, as
 * PyTorch's ReduceLROnPlateau with a relative threshold: an epoch improves when it is better than
 * the best by that fraction; after a step, `cooldown` epochs are not counted. Other policies know
 * all their rates beforehand; this one learns them and keeps what it learned in checkpoints. */
#include <gridfront/nn.h>

#include <math.h>

typedef struct plateau_options {
    int metric, patience, cooldown;
    double gamma, threshold, low;
} plateau_options;

enum { ACCURACY, LOSS };
enum { BEST, WAITED, COOLING, SEEN }; /* states */

static bool improves(const plateau_options *o, const double *state, const gf_scores *scores)
{
    if (state[SEEN] == 0) return true;
    if (o->metric == LOSS) return scores->loss < state[BEST] * (1 - o->threshold);
    return scores->accuracy > state[BEST] * (1 + o->threshold);
}

static void observe(const void *options, gf_schedule_memory *memory, const gf_scores *scores)
{
    const plateau_options *o = options;
    double *state = memory->state;
    if (improves(o, state, scores)) {
        state[BEST] = o->metric == LOSS ? scores->loss : scores->accuracy;
        state[WAITED] = 0;
    } else {
        state[WAITED]++;
    }
    state[SEEN] = 1;
    if (state[COOLING] > 0) {
        state[COOLING]--;
        state[WAITED] = 0;
    }
    if (state[WAITED] > o->patience) {
        memory->factor = fmax(memory->factor * o->gamma, o->low);
        state[COOLING] = o->cooldown;
        state[WAITED] = 0;
    }
}

static const gf_field fields[] = {
    GF_FIELD_WORD(plateau_options, metric, "accuracy", "accuracy|loss",
                  "of the validation split that must improve"),
    GF_FIELD(plateau_options, patience, "10", "[0, 100000]", "epochs",
             "without improvement that are put up with"),
    GF_FIELD(plateau_options, cooldown, "0", "[0, 100000]", "epochs",
             "after a step that are not counted"),
    GF_FIELD(plateau_options, gamma, "0.1", "(0, 1)", "", "factor of each step"),
    GF_FIELD(plateau_options, threshold, "0.0001", "[0, 1)", "fraction",
             "of the best that an improvement must exceed"),
    GF_FIELD(plateau_options, low, "0", "[0, 1]", "fraction", "of lr that is never gone below"),
    GF_FIELD_END,
};

const gf_schedule_kind gf_schedule_plateau = {
    .schema = { .name = "plateau",
                .summary = "multiplied by gamma when validation stops to improve",
                .fields = fields },
    .options_size = sizeof(plateau_options),
    .observe = observe,
};
