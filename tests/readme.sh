#!/bin/sh
# readme.sh [--write]: is the table of techniques in README.md what the registry says? --write: make
# it so.
program=${PROGRAM:-build/gridfront}
made=$(mktemp)
trap 'rm -f "$made" "$made.new"' EXIT
"$program" methods --markdown >"$made" || exit 1
awk -v made="$made" '
    /^<!-- made by make readme -->$/ { print; while ((getline line <made) > 0) print line; inside = 1 }
    /^<!-- end -->$/ { inside = 0 }
    !inside { print }' README.md >"$made.new"
if [ "$1" = --write ]; then
    cp "$made.new" README.md
elif cmp -s "$made.new" README.md; then
    echo "check-readme: its table is the registry's"
else
    echo "check-readme: README.md lacks what the registry has; run: make readme" >&2
    exit 1
fi
