/* Parser of exclude and require: recursive descent over
 *   or := and { || and }      and := not { && not }       comparison := sum [ op sum ]
 *   sum := term { + - term }  term := unary { * / % unary }
 *   unary := ! unary | - unary | ( or ) | number | "text" | 'text' | true | false
 *            | has ( name ) | name */
#include "expression.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 50, NAME_SIZE = 160 };

typedef struct parser {
    const char *at;
    condition *from;
    sweep *load;
    int depth;
    bool wrong;
    gf_status status; /* NOMEM */
} parser;

static expression *parse_or(parser *work);

void condition_mistake(condition *from, sweep *load, const char *format, ...)
{
    gf_text reason = { 0 };
    va_list arguments;
    va_start(arguments, format);
    gf_text_append_v(&reason, format, arguments);
    va_end(arguments);
    if (!from->told)
        mistakes_add(&load->wrong, from->at, "%s \"%s\": %s", from->exclude ? "exclude" : "require",
                     from->text, reason.data ? reason.data : "out of memory");
    from->told = true;
    gf_text_release(&reason);
}

static expression *fail(parser *work, const char *expected)
{
    if (!work->wrong)
        condition_mistake(work->from, work->load, "%s expected at \"%.20s\"", expected,
                          *work->at ? work->at : "the end");
    work->wrong = true;
    return NULL;
}

static expression *create(parser *work, operation op, expression *left, expression *right)
{
    expression *made = gf_arena_alloc(work->load->arena, sizeof *made);
    if (!made) {
        work->status = gf_fail(GF_NOMEM, "out of memory");
        work->wrong = true;
        return NULL;
    }
    made->op = op;
    made->left = left;
    made->right = right;
    return made;
}

static bool accept(parser *work, const char *token)
{
    work->at += strspn(work->at, " \t\n\r");
    size_t size = strlen(token);
    if (strncmp(work->at, token, size) != 0) return false;
    work->at += size;
    return true;
}

static expression *parse_number(parser *work)
{
    char *end;
    double value = strtod(work->at, &end);
    expression *made = create(work, OP_NUMBER, NULL, NULL);
    if (made) made->number = value;
    work->at = end;
    return made;
}

static expression *parse_string(parser *work, char quote)
{
    const char *end = strchr(work->at + 1, quote);
    if (!end) return fail(work, "a closing quote");
    expression *made = create(work, OP_TEXT, NULL, NULL);
    if (!made) return NULL;
    size_t size = (size_t)(end - work->at - 1);
    char *text = gf_arena_alloc(work->load->arena, size + 1);
    if (!text) return NULL;
    memcpy(text, work->at + 1, size);
    made->text = text;
    work->at = end + 1;
    return made;
}

/* A '-' belongs to a name only before a letter: "keep-best" is one, "width-1" is a difference. */
static bool in_name(const char *at)
{
    return isalnum((unsigned char)*at) || *at == '_' || *at == '#' || *at == '.' ||
           (*at == '-' && isalpha((unsigned char)at[1]));
}

static bool read_name(parser *work, char out[NAME_SIZE])
{
    size_t size = 0;
    work->at += strspn(work->at, " \t\n\r");
    if (!isalpha((unsigned char)*work->at)) return false;
    while (in_name(work->at + size) && size + 1 < NAME_SIZE) size++;
    memcpy(out, work->at, size);
    out[size] = '\0';
    work->at += size;
    return true;
}

static expression *parse_has(parser *work)
{
    char name[NAME_SIZE];
    if (!read_name(work, name)) return fail(work, "the name of a stage");
    expression *made = create(work, OP_HAS, NULL, NULL);
    if (made && expression_bind_has(made, work->from, work->load, name) != GF_OK) return NULL;
    return accept(work, ")") ? made : fail(work, "')'");
}

static expression *parse_name(parser *work)
{
    char name[NAME_SIZE];
    if (!read_name(work, name)) return fail(work, "a name, a number or a string");
    if (strcmp(name, "has") == 0 && accept(work, "(")) return parse_has(work);
    bool truth = strcmp(name, "true") == 0;
    expression *made = create(work, OP_BOOL, NULL, NULL);
    if (!made) return NULL;
    made->truth = truth;
    if (truth || strcmp(name, "false") == 0) return made;
    return expression_bind(made, work->from, work->load, name) == GF_OK ? made : NULL;
}

static expression *parse_unary(parser *work)
{
    expression *made;
    if (work->depth >= DEPTH) return fail(work, "less nesting");
    work->depth++;
    if (accept(work, "!")) {
        made = parse_unary(work);
        made = made ? create(work, OP_NOT, made, NULL) : NULL;
    } else if (accept(work, "-")) {
        made = parse_unary(work);
        made = made ? create(work, OP_NEGATE, made, NULL) : NULL;
    } else if (accept(work, "(")) {
        made = parse_or(work);
        if (made && !accept(work, ")")) made = fail(work, "')'");
    } else if (isdigit((unsigned char)*work->at) || *work->at == '.') {
        made = parse_number(work);
    } else if (*work->at == '"' || *work->at == '\'') {
        made = parse_string(work, *work->at);
    } else {
        made = parse_name(work);
    }
    work->depth--;
    return made;
}

static expression *parse_term(parser *work)
{
    expression *left = parse_unary(work);
    while (left) {
        operation op = accept(work, "*")   ? OP_MULTIPLY
                       : accept(work, "/") ? OP_DIVIDE
                       : accept(work, "%") ? OP_REMAINDER
                                           : OP_NUMBER;
        if (op == OP_NUMBER) return left;
        expression *right = parse_unary(work);
        left = right ? create(work, op, left, right) : NULL;
    }
    return NULL;
}

static expression *parse_sum(parser *work)
{
    expression *left = parse_term(work);
    while (left) {
        operation op = accept(work, "+") ? OP_ADD : accept(work, "-") ? OP_SUBTRACT : OP_NUMBER;
        if (op == OP_NUMBER) return left;
        expression *right = parse_term(work);
        left = right ? create(work, op, left, right) : NULL;
    }
    return NULL;
}

static bool accept_comparison(parser *work, operation *op)
{
    static const struct {
        const char *token;
        operation op;
    } tokens[] = { { "==", OP_EQUAL },         { "!=", OP_UNEQUAL }, { "<=", OP_LESS_EQUAL },
                   { ">=", OP_GREATER_EQUAL }, { "<", OP_LESS },     { ">", OP_GREATER } };
    for (size_t i = 0; i < GF_COUNT(tokens); i++)
        if (accept(work, tokens[i].token)) {
            *op = tokens[i].op;
            return true;
        }
    return false;
}

static expression *parse_comparison(parser *work)
{
    operation op;
    expression *left = parse_sum(work);
    if (!left || !accept_comparison(work, &op)) return left;
    expression *right = parse_sum(work);
    if (!right) return NULL;
    if (accept_comparison(work, &op)) return fail(work, "&& or || after one comparison");
    return create(work, op, left, right);
}

static expression *parse_and(parser *work)
{
    expression *left = parse_comparison(work);
    while (left && accept(work, "&&")) {
        expression *right = parse_comparison(work);
        left = right ? create(work, OP_AND, left, right) : NULL;
    }
    return left;
}

static expression *parse_or(parser *work)
{
    expression *left = parse_and(work);
    while (left && accept(work, "||")) {
        expression *right = parse_and(work);
        left = right ? create(work, OP_OR, left, right) : NULL;
    }
    return left;
}

gf_status condition_parse(condition *made, sweep *load, const node *at, bool exclude)
{
    *made = (condition){ .at = at->at, .exclude = exclude, .text = at->text };
    if (at->kind != NODE_TEXT) {
        mistakes_add(&load->wrong, at->at,
                     "%s takes conditions in quotes: ( \"model.width == 16 "
                     "&& prune.amount > 0.5\" )",
                     exclude ? "exclude" : "require");
        return GF_OK;
    }
    parser work = { .at = at->text, .from = made, .load = load };
    made->root = parse_or(&work);
    work.at += strspn(work.at, " \t\n\r");
    if (made->root && *work.at == '=')
        fail(&work, "==, which compares,");
    else if (made->root && *work.at)
        fail(&work, "an operator");
    return work.status;
}
