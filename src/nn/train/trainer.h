/* The state of one training, and the parts that its loop is made of. */
#ifndef GRIDFRONT_NN_TRAIN_TRAINER_H
#define GRIDFRONT_NN_TRAIN_TRAINER_H

#include <gridfront/nn.h>

typedef struct gf_schedule {
    const gf_schedule_kind *kind;
    void *options;                /* owned */
    double base, warmup, horizon; /* epochs, all of them */
    int after;                    /* those that are over when the training begins */
    gf_schedule_memory memory;
} gf_schedule;
gf_status gf_schedule_init(gf_schedule *schedule, const gf_train_job *job,
                           const gf_train_options *options);
void gf_schedule_release(gf_schedule *schedule);
/* Learning rate of step `step` of `steps` in the training's `epoch` (all from 0). */
double gf_schedule_rate(const gf_schedule *schedule, int epoch, int step, int steps);
/* After `epoch` epochs: what the schedule learns from the validation scores, if anything. */
void gf_schedule_observe(gf_schedule *schedule, int epoch, const gf_scores *scores);

typedef struct gf_optimizer {
    const gf_optimizer_kind *kind;
    void *options; /* owned */
} gf_optimizer;
gf_status gf_optimizer_init(gf_optimizer *optimizer, const gf_train_job *job);
void gf_optimizer_release(gf_optimizer *optimizer);

/* Sums over the steps of the running epoch. */
typedef struct gf_train_sums {
    double loss, correct, seconds;
    int64_t images;
} gf_train_sums;

typedef struct gf_trainer {
    const gf_train_job *job;
    gf_train_options options;
    gf_schedule schedule;
    gf_optimizer optimizer;
    gf_augment_chain *chain;
    gf_run *run;
    gf_run **teachers; /* [job->teacher_count] */
    void **terms;      /* [job->term_count]: states of loss terms */
    double label_weight;

    /* [params], NULL where not trained or not averaged */
    gf_real **state[GF_OPTIMIZER_STATES]; /* the optimizer's */
    gf_real **slow;                       /* Lookahead's */
    gf_real **average;
    int param_count;
    int *positions;           /* [train images]: this epoch's order */
    int *labels;              /* [batch * answers] */
    gf_real *target, *losses; /* [batch * answers, classes], [batch * answers] */
    gf_split split;
    gf_real *questions; /* [batch, height, width, channels]: what a task is made of; or NULL */
    int classes, images, steps;
    int inputs, answers; /* of each image: 1, or the task's */

    int epoch, step; /* next to be done, from 0 */
    int64_t updates; /* steps done since the beginning */
    gf_train_sums sums;
} gf_trainer;

gf_status gf_train_options_read(gf_train_options *options, const gf_train_job *job);
gf_status gf_trainer_init(gf_trainer *trainer, const gf_train_job *job);
void gf_trainer_release(gf_trainer *trainer);
/* step.c: one batch forward, backward, update. DIVERGED. */
gf_status gf_trainer_step(gf_trainer *trainer, double rate);
/* update.c: the buffers of optimizer, Lookahead and average; all parameters' update. */
gf_status gf_trainer_make_buffers(gf_trainer *trainer);
void gf_trainer_release_buffers(gf_trainer *trainer);
void gf_trainer_update(gf_trainer *trainer, double rate);
/* What the training would leave (averages, else Lookahead's slow weights, else nothing new) in
 * place of the weights; called twice it restores them. */
void gf_trainer_swap_average(gf_trainer *trainer);
/* state.c: everything that a resumed training needs, to the last bit. */
gf_status gf_trainer_save(const gf_trainer *trainer, gf_artifact *state);
gf_status gf_trainer_restore(gf_trainer *trainer, const gf_artifact *state);
/* Puts the network of a saved state into job->net; before the trainer is made. */
gf_status gf_train_restore_net(gf_net *net, const gf_artifact *state);

/* task.c: makes a task's inputs, where the run reads them, and its answers; what the run knows, its
 * input and the size of its images, is filled in. */
void gf_pretext_make(const gf_pretext *task, gf_run *run, gf_pretext_call call);
/* Multiplies losses [count], and d_logits [count, classes] unless NULL, by the task's weights of
 * the answers [count]: those before any mixing or smoothing. task NULL, or without weights:
 * nothing. */
void gf_pretext_weigh(const gf_pretext *task, gf_real *losses, gf_real *d_logits,
                      const int *answers, int count);
/* gf_evaluate on a task; NULL: on the labels. */
gf_status gf_evaluate_pretext(gf_scores *scores, gf_net *net, const gf_data *data, gf_split split,
                              const gf_pretext *task, const gf_kernels *kernels);

/* Place of the largest of count values, the first of equal ones. */
int gf_argmax(const gf_real *values, int count);

#endif
