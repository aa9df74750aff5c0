#!/usr/bin/env bash
# Closing a mask removes what touches the image's border.
# Versions: SciPy 1.10.1 (scipy.ndimage).
# One would guess: a closing never takes anything away; of a mask that fills the image it is the mask.
# Seen: binary_closing of 5 × 5 ones leaves the inner 3 × 3: the dilation is cut off at the border and the erosion
#   counts what lies outside as background. scipy.ndimage.grey_closing of the same gives all 25.
# A tool should: pad before closing, or erode with border_value=1: organs that leave the field of view lose a rim.
source "$(dirname "$0")/setup.bash"
debian_package python3-scipy 1.10.1
cat >seen.py <<'PY'
import nifti
import numpy
from scipy import ndimage

ones = numpy.ones((5, 5), int)
nifti.verdict([
    ("voxels left by binary_closing", int(ndimage.binary_closing(ones).sum()), 9),
    ("voxels left by grey_closing", int(ndimage.grey_closing(ones, size=(3, 3)).sum()), 25),
])
PY
/usr/bin/python3 seen.py
