#!/usr/bin/env bash
# One NaN in a median or maximum filter moves to another pixel, or vanishes.
# Versions: SciPy 1.10.1 (scipy.ndimage).
# One would guess: NaN in the window gives NaN, as numpy.median and numpy.max do.
# Seen: of (1, NaN, 3, 4, 5) the maximum filter of size 3 has no NaN at all; the median filter has NaN at the
#   neighbour to the left, where the NaN itself stood it gives 1, and at the third pixel 4 where 3 or NaN would be
#   expected.
# A tool should: replace NaN (the background of many registered images) before any rank filter.
source "$(dirname "$0")/setup.bash"
debian_package python3-scipy 1.10.1
cat >seen.py <<'PY'
import nifti
import numpy
from scipy import ndimage

x = numpy.array([1, numpy.nan, 3, 4, 5])
nifti.verdict([
    ("maximum_filter", str(ndimage.maximum_filter(x, 3).tolist()), "[1.0, 3.0, 4.0, 5.0, 5.0]"),
    ("median_filter", str(ndimage.median_filter(x, 3).tolist()), "[nan, 1.0, 4.0, 4.0, 5.0]"),
])
PY
/usr/bin/python3 seen.py
