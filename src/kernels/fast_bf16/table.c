/* The table of AVX-512 with native bf16: all but the convolutions are AVX-512's. */
#include "../fast/table.h"
#include "native.h"

const gf_kernels gf_kernels_avx512_native = GF_FAST_TABLE(
    "avx512 bf16 native", gf_native_forward, gf_native_backward_input, gf_native_backward_weight);
