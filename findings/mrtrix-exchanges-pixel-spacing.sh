#!/usr/bin/env bash
# The spacing of rows and columns of a DICOM series is exchanged.
# Versions: mrtrix3 3.0.3; the series by pydicom 2.3.1; beside it dcm2niix 1.0.20220720 and plastimatch 1.9.4.
# One would guess: PixelSpacing [2, 0.5] (rows 2 mm apart, columns 0.5 mm) is a NIfTI spacing of 0.5 × 2.
# Seen: dcm2niix and plastimatch say 0.5 × 2 × 5, mrtrix3 says 2 × 0.5 × 5. Square pixels hide it.
# A tool should: test with pixels that are not square, and distrust spacings of series that came this way.
source "$(dirname "$0")/setup.bash"
debian_package python3-pydicom 2.3.1
debian_package plastimatch 1.9.4
debian_package dcm2niix 1.0.20220720
debian_package mrtrix3 3.0.3
cat >seen.py <<'PY'
import dicom
import nifti
import numpy

dicom.save("series", numpy.zeros((4, 6)), spacing=(2, 0.5))
nifti.verdict([
    (tool, dicom.converted(tool, "series")[1], spacing)
    for tool, spacing in (("dcm2niix", (0.5, 2, 5)), ("plastimatch", (0.5, 2, 5)), ("mrtrix3", (2, 0.5, 5)))
])
PY
/usr/bin/python3 seen.py
