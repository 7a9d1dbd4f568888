/* The syntax tree of a condition, shared by its parser and its evaluation. */
#ifndef SWEEP_EXPRESSION_H
#define SWEEP_EXPRESSION_H

#include "internal.h"

typedef enum operation {
    OP_OR,
    OP_AND,
    OP_NOT,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_REMAINDER,
    OP_NEGATE,
    OP_NUMBER,
    OP_TEXT,
    OP_BOOL,
    OP_FIELD, /* of what `head` names */
    OP_HAS    /* is there such a stage? */
} operation;

typedef enum head_kind { HEAD_DATA, HEAD_MODEL, HEAD_STAGE, HEAD_ID } head_kind;

struct expression {
    operation op;
    expression *left, *right;
    double number;
    bool truth;
    const char *text; /* of a string; as written for a field */
    head_kind head;
    const char *stage; /* kind or id */
    int nth;           /* prune#2: 2; 0: any, but only one may be there */
    const char *key;   /* canonical key: "amount", "schedule.policy" */
};

/* Binds a name like prune#2.amount to what it means anywhere in this sweep. */
gf_status expression_bind(expression *made, condition *from, sweep *load, const char *name);
gf_status expression_bind_has(expression *made, condition *from, sweep *load, const char *name);
void condition_mistake(condition *from, sweep *load, const char *format, ...) GF_PRINTF(3, 4);

#endif
