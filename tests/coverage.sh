#!/bin/sh
# coverage.sh TREE: after tests of a tree built with --coverage, the lines that they reached, by room.
# A fast kernel counts once per instruction set.
find "$1/src" -name '*.gcda' -exec gcov -n -s "$PWD" {} + 2>/dev/null | awk '
    /^File / { split($2, part, "[/'"'"']"); room = part[2] == "src" ? part[3] : "" }
    /^Lines executed/ && room != "" {
        split($0, at, "[:%]| of "); all[room] += $NF; reached[room] += at[2] * $NF / 100; room = ""
    }
    END {
        for (room in all) {
            printf "%-10s %6d lines %5.1f %%\n", room, all[room], 100 * reached[room] / all[room]
            lines += all[room]; total += reached[room]
        }
        if (lines) printf "%-10s %6d lines %5.1f %%\n", "~ all", lines, 100 * total / lines
        exit lines == 0
    }' | LC_ALL=C sort
