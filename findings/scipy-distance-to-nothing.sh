#!/usr/bin/env bash
# The distance transform of an image without background is finite, as if the background began one row before the
#   first.
# Versions: SciPy 1.10.1 (scipy.ndimage).
# One would guess: every distance is infinite, or −1 as distance_transform_cdt has it, or an error.
# Seen: distance_transform_edt of 4 × 4 ones grows from 1 in the first row to 5 at (3, 3): the distances to the one
#   point (−1, 0). distance_transform_cdt gives −1 everywhere.
# A tool should: look for an empty mask before it takes a distance: HD95 against an empty reference comes out
#   plausible.
source "$(dirname "$0")/setup.bash"
debian_package python3-scipy 1.10.1
cat >seen.py <<'PY'
import nifti
import numpy
from scipy import ndimage

ones = numpy.ones((4, 4))
edt = ndimage.distance_transform_edt(ones)
print(edt)
y, x = numpy.indices(edt.shape)
nifti.verdict([
    ("equal to the distance to (-1, 0)", bool(numpy.allclose(edt, numpy.hypot(y + 1, x))), True),
    ("distance_transform_cdt", sorted(set(ndimage.distance_transform_cdt(ones).ravel().tolist())), [-1]),
])
PY
/usr/bin/python3 seen.py
