#!/bin/sh
# What every technique did on real images: the findings, which were written by hand, and one table, from
# results/techniques/*/points.csv (made by `gridfront report DIR --all --format csv`): Markdown, families
# in the order of their names, points in the order of validation accuracy.
#
# usage: sweeps/techniques/table.sh >results/techniques/README.md
cd "$(dirname "$0")/../../results/techniques" || exit 2
cat <<'END'
# What each technique did

All of CIFAR-10, trained on 45,000 images, selected on 5,000, the 10,000 of the test set only
reported; one seed. Networks and settings are in `sweeps/techniques/FAMILY.cfg`; each folder here has
its report. Compare points with their own dense parent, or with the network that learned alone
(`train`): these are runs of a few epochs, not the papers' schedules. Minutes are those of the stages
after the shared parent, on one core (`shift`: two) of a machine that did other work as well; 0.0: the
stage was there from a sweep before. Scores are those of the challenge (lower is better): nominal counts
what a method promises, measured the bytes that are stored.

## What came out

END
cat findings.md
cat <<'END'

## All points

| family | method and setting | val % | test % | bytes | MACs | nominal | measured | minutes |
|---|---|--:|--:|--:|--:|--:|--:|--:|
END
for points in */points.csv; do
    awk -v family="$(dirname "$points")" '
        function fields(line,   n, i, c, quoted) { # CSV: commas within quotes are no separators
            n = 1
            value[1] = ""
            for (i = 1; i <= length(line); i++) {
                c = substr(line, i, 1)
                if (c == "\"") quoted = !quoted
                else if (c == "," && !quoted) value[++n] = ""
                else value[n] = value[n] c
            }
            return n
        }
        function bytes(n) { return n >= 1e6 ? sprintf("%.2f MB", n / 1e6) : sprintf("%.1f kB", n / 1e3) }
        NR == 1 { for (i = fields($0); i > 0; i--) at[value[i]] = i; next }
        {
            fields($0)
            if (value[at["accuracy"]] == "") next # not finished
            printf "%.6f\t| %s | %s | %.2f | %.2f | %s | %.2f M | %.4f | %.4f | %.1f |\n", value[at["accuracy"]],
                   family, value[at["label"]], 100 * value[at["accuracy"]], 100 * value[at["test_accuracy"]],
                   bytes(value[at["bytes"]]), value[at["macs"]] / 1e6, value[at["score.nominal"]],
                   value[at["score.measured"]], value[at["seconds"]] / 60
        }' "$points" | LC_ALL=C sort -r -n | cut -f 2-
done
