#!/bin/sh
# The architecture as a test: a room includes only rooms of lower layers, through their facade, and
# each library is seen by one room alone. The two tables are the rule.
cd "$(dirname "$0")/.." || exit 2

layers='base:0 kernels:1 pareto:1 sweep:1 farm:1 store:1 data:2 nn:3 compress:4 method:4 deploy:5
        stage:5 report:5 cli:6'
libraries='mpi.h:farm hdf5.h:store libconfig.h:sweep cblas.h:kernels lapacke.h:kernels
           hwloc.h:farm jansson.h:report,cli xxhash.h:base'
# Facades of one layer that another room of that layer may include all the same.
allowed='stage>deploy compress>method'

check() { # check FOLDER: one line per edge that the tables do not allow
    grep -rnE '^ *# *include' "$1" --include='*.[ch]' | awk -v layers="$layers" \
        -v libraries="$libraries" -v allowed="$allowed" -v root="$1" '
        BEGIN {
            n = split(layers, pair, /[ \n]+/)
            for (i = 1; i <= n; i++) { split(pair[i], kv, ":"); layer[kv[1]] = kv[2] }
            n = split(libraries, pair, /[ \n]+/)
            for (i = 1; i <= n; i++) { split(pair[i], kv, ":"); owners[kv[1]] = "," kv[2] "," }
            n = split(allowed, pair, /[ \n]+/)
            for (i = 1; i <= n; i++) permitted[pair[i]] = 1
        }
        {
            split($0, at, ":"); path = at[1]
            room = substr(path, length(root) + 2); sub(/\/.*/, "", room)
            line = $0; sub(/^[^#]*# *include *[<"]/, "", line); sub(/[>"].*/, "", line)
            if (line ~ /^gridfront\//) {
                other = line; sub(/^gridfront\//, "", other); sub(/\.h$/, "", other)
                if (!(other in layer)) print path ": unknown room " other
                else if (other != room && layer[other] >= layer[room] && !((room ">" other) in permitted))
                    print path ": " room " (layer " layer[room] ") includes " other " (layer " layer[other] ")"
            } else if (line in owners && index(owners[line], "," room ",") == 0) {
                print path ": " room " includes " line
            } else if (line ~ /^\.\.\// || line ~ /^src\//) {
                inner = line; while (sub(/^\.\.\//, "", inner)) ;
                first = inner; sub(/\/.*/, "", first)
                if (first in layer && first != room && inner ~ /\//)
                    print path ": " room " includes a private header, " line
            }
        }'
}

# The check itself must be able to fail.
planted=$(mktemp -d)
mkdir -p "$planted/src/kernels"
printf '#include <gridfront/nn.h>\n#include <mpi.h>\n#include "../store/h5.h"\n' >"$planted/src/kernels/bad.c"
found=$(check "$planted/src" | wc -l)
rm -r "$planted"
if [ "$found" -ne 3 ]; then
    echo "check-layers: planted 3 bad includes, found $found"
    exit 1
fi

faults=$(check src)
if [ -n "$faults" ]; then
    echo "$faults"
    exit 1
fi
echo "check-layers: every include points downwards"
