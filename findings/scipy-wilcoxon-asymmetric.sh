#!/usr/bin/env bash
# Wilcoxon's signed-rank test gives another p-value when the two samples are exchanged.
# Versions: SciPy 1.10.1 (scipy.stats.wilcoxon).
# One would guess: a two-sided test is symmetric: p(a − b) = p(b − a).
# Seen: with ties the differences (−1, 1, 1, 1, 2, 2, 2) give 0.078 and their negatives 0.047: significant in one
#   direction of subtraction only. The exact distribution of untied ranks is used, with a statistic that is no whole
#   number.
# A tool should: count sign assignments where ranks are tied (0.078125 for both here), and test its table with a and b
#   exchanged.
source "$(dirname "$0")/setup.bash"
debian_package python3-scipy 1.10.1
cat >seen.py <<'PY'
import nifti
from itertools import product
from scipy.stats import rankdata, wilcoxon

d = [-1, 1, 1, 1, 2, 2, 2]
ranks = rankdata([abs(v) for v in d])
centre = ranks.sum() / 2
seen = abs(sum(r for r, v in zip(ranks, d) if v > 0) - centre)
signs = list(product((0, 1), repeat=len(d)))
exact = sum(abs(sum(r * k for r, k in zip(ranks, kept)) - centre) >= seen for kept in signs) / len(signs)
nifti.verdict([
    ("p by counting all signs", exact, 0.078125),
    ("p of the differences", round(float(wilcoxon(d).pvalue), 6), 0.078125),
    ("p of their negatives", round(float(wilcoxon([-v for v in d]).pvalue), 6), 0.046875),
])
PY
/usr/bin/python3 seen.py
