/* Does a point stand? A comparison with a field that the point does not have is false, whatever
 * the comparison; arithmetic with such a field gives such a field. */
#include "expression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum value_kind { ABSENT, NUMBER, WORD, TRUTH, WRONG } value_kind;
typedef struct value {
    value_kind kind;
    double number;
    bool truth;
    const char *text; /* as it stands in the options; NULL: computed */
} value;

typedef struct evaluation {
    condition *from;
    sweep *load;
    const chain *links;
} evaluation;

static value evaluate(evaluation *work, const expression *at);

static value wrong(evaluation *work, const char *reason)
{
    condition_mistake(work->from, work->load, "%s", reason);
    return (value){ .kind = WRONG };
}

static value value_of_text(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (end != text && !*end && isfinite(number))
        return (value){ .kind = NUMBER, .number = number, .text = text };
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return (value){ .kind = TRUTH, .truth = text[0] == 't', .text = text };
    return (value){ .kind = WORD, .text = text };
}

static bool is_meant(const expression *at, const stage_link *link)
{
    if (at->head == HEAD_ID) return link->id && strcmp(link->id, at->stage) == 0;
    return strcmp(link->schema->name, at->stage) == 0;
}

/* The stage that a name means in this chain; *several counts those that fit. */
static const stage_link *find_link(const evaluation *work, const expression *at, int *several)
{
    const stage_link *found = NULL;
    int seen = 0;
    for (int i = 0; i < work->links->count; i++) {
        if (!is_meant(at, &work->links->links[i])) continue;
        seen++;
        if (!found && (at->nth == 0 || at->nth == seen)) found = &work->links->links[i];
    }
    *several = at->nth == 0 ? seen : found != NULL;
    return found;
}

static value field_value(evaluation *work, const expression *at)
{
    const gf_options *options = NULL;
    int several = 1;
    if (at->head == HEAD_DATA)
        options = work->links->data->options;
    else if (at->head == HEAD_MODEL)
        options = work->links->model->options;
    else {
        const stage_link *link = find_link(work, at, &several);
        options = link ? link->options->options : NULL;
    }
    if (several > 1) {
        condition_mistake(work->from, work->load,
                          "%s fits %d stages of one trial; write %s#1.%s or %s#2.%s, or an id",
                          at->text, several, at->stage, at->key, at->stage, at->key);
        return (value){ .kind = WRONG };
    }
    const char *text = options ? gf_options_get(options, at->key) : NULL;
    return text ? value_of_text(text) : (value){ .kind = ABSENT };
}

static bool ordered(operation op, int order)
{
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_UNEQUAL:
        return order != 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static value compare(evaluation *work, operation op, value left, value right)
{
    value result = { .kind = TRUTH };
    if (left.kind == WRONG || right.kind == WRONG) return (value){ .kind = WRONG };
    if (left.kind == ABSENT || right.kind == ABSENT) return result;
    bool equality = op == OP_EQUAL || op == OP_UNEQUAL;
    if (left.kind == NUMBER && right.kind == NUMBER) {
        double difference = left.number - right.number;
        result.truth = ordered(op, difference < 0 ? -1 : difference > 0);
    } else if (left.kind == TRUTH && right.kind == TRUTH && equality) {
        result.truth = (left.truth == right.truth) == (op == OP_EQUAL);
    } else if (left.text && right.text && (equality || left.kind == right.kind)) {
        result.truth = ordered(op, strcmp(left.text, right.text));
    } else {
        return wrong(work, "compares values of different types");
    }
    return result;
}

static value calculate(evaluation *work, operation op, value left, value right)
{
    if (left.kind == WRONG || right.kind == WRONG) return (value){ .kind = WRONG };
    if (left.kind == ABSENT || right.kind == ABSENT) return (value){ .kind = ABSENT };
    if (left.kind != NUMBER || right.kind != NUMBER)
        return wrong(work, "calculates with something that is not a number");
    if ((op == OP_DIVIDE || op == OP_REMAINDER) && right.number == 0)
        return wrong(work, "divides by zero");
    double a = left.number, b = right.number;
    double result = op == OP_ADD        ? a + b
                    : op == OP_SUBTRACT ? a - b
                    : op == OP_MULTIPLY ? a * b
                    : op == OP_DIVIDE   ? a / b
                                        : fmod(a, b);
    return (value){ .kind = NUMBER, .number = result };
}

/* A condition on its own, or one side of && || !: an absent field is false. */
static value truth_of(evaluation *work, const expression *at)
{
    value result = evaluate(work, at);
    if (result.kind == TRUTH || result.kind == WRONG) return result;
    if (result.kind == ABSENT) return (value){ .kind = TRUTH };
    return wrong(work, result.kind == NUMBER ? "a number is not a condition"
                                             : "a text is not a condition");
}

static value evaluate_logic(evaluation *work, const expression *at)
{
    value left = truth_of(work, at->left);
    if (left.kind == WRONG) return left;
    if (at->op == OP_NOT) return (value){ .kind = TRUTH, .truth = !left.truth };
    if (left.truth == (at->op == OP_OR)) return left;
    return truth_of(work, at->right);
}

static value evaluate(evaluation *work, const expression *at)
{
    int several;
    switch (at->op) {
    case OP_OR:
    case OP_AND:
    case OP_NOT:
        return evaluate_logic(work, at);
    case OP_EQUAL:
    case OP_UNEQUAL:
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
        return compare(work, at->op, evaluate(work, at->left), evaluate(work, at->right));
    case OP_NEGATE:
        return calculate(work, OP_SUBTRACT, (value){ .kind = NUMBER }, evaluate(work, at->left));
    case OP_NUMBER:
        return (value){ .kind = NUMBER, .number = at->number };
    case OP_TEXT:
        return (value){ .kind = WORD, .text = at->text };
    case OP_BOOL:
        return (value){ .kind = TRUTH, .truth = at->truth };
    case OP_FIELD:
        return field_value(work, at);
    case OP_HAS:
        return (value){ .kind = TRUTH, .truth = find_link(work, at, &several) != NULL };
    default:
        return calculate(work, at->op, evaluate(work, at->left), evaluate(work, at->right));
    }
}

bool conditions_hold(sweep *load, const chain *links)
{
    bool hold = true;
    for (int i = 0; i < load->condition_count && hold; i++) {
        condition *one = &load->conditions[i];
        evaluation work = { .from = one, .load = load, .links = links };
        if (!one->root || one->told) continue;
        value result = truth_of(&work, one->root);
        hold = result.kind == WRONG || result.truth != one->exclude;
    }
    return hold;
}
