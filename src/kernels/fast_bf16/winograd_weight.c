/* fast/winograd_weight.c once more, with instructions that round its operands to bf16 as they are
 * read. */
#include "../fast/winograd_weight.c"
