/* What training and evaluation ask of a pretext task. */
#include "trainer.h"

void gf_pretext_make(const gf_pretext *task, gf_run *run, gf_pretext_call call)
{
    gf_shape image = gf_run_net(run)->nodes[0].shape;
    call.inputs = gf_run_input(run);
    call.height = image.height;
    call.width = image.width;
    call.channels = image.channels;
    task->make(task, &call);
}

void gf_pretext_weigh(const gf_pretext *task, gf_real *losses, gf_real *d_logits,
                      const int *answers, int count)
{
    if (!task || !task->weights) return;
    for (int i = 0; i < count; i++) {
        gf_real weight = task->weights[answers[i]];
        gf_real *row = d_logits ? d_logits + (size_t)i * (size_t)task->classes : NULL;
        losses[i] *= weight;
        for (int k = 0; row && k < task->classes; k++) row[k] *= weight;
    }
}
