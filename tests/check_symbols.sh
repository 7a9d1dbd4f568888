#!/bin/sh
# check_symbols.sh LIBRARY: no external name is defined twice. Two rooms that define one name link by
# luck, until a program needs both.
names=$(nm -A --defined-only --extern-only "$1" | awk '$(NF-1) ~ /^[A-Z]$/ { print $NF }' | sort)
[ -n "$names" ] || { echo "check-symbols: $1 defines nothing"; exit 1; }

twice=$(printf '%s\n' "$names" | uniq -d)
for name in $twice; do
    echo "check-symbols: $name is defined twice:"
    nm -A --defined-only --extern-only "$1" | awk -v name="$name" '$NF == name { print "  " $1 }'
done
[ -z "$twice" ] || exit 1
echo "check-symbols: $(printf '%s\n' "$names" | wc -l) names, each defined once"
