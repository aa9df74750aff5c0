#!/usr/bin/env bash
# Air in a CT is 65,436: signed pixels are read as unsigned.
# Versions: mrtrix3 3.0.3; the series by pydicom 2.3.1; beside it dcm2niix 1.0.20220720 and plastimatch 1.9.4.
# One would guess: PixelRepresentation 1 with −100 stored gives −100 everywhere.
# Seen: dcm2niix and plastimatch give −100 … 50, mrtrix3 50 … 65,436. It exits with 0.
# A tool should: notice values just below 65,536 in a CT and name the cause; a window in HU clips them to white.
source "$(dirname "$0")/setup.bash"
debian_package python3-pydicom 2.3.1
debian_package plastimatch 1.9.4
debian_package dcm2niix 1.0.20220720
debian_package mrtrix3 3.0.3
cat >seen.py <<'PY'
import dicom
import nifti
import numpy

values = numpy.full((4, 6), -100)
values[1, 2] = 50
dicom.save("series", values)
nifti.verdict([
    (tool, dicom.converted(tool, "series")[2:], extremes)
    for tool, extremes in (("dcm2niix", (-100, 50)), ("plastimatch", (-100, 50)), ("mrtrix3", (50, 65436)))
])
PY
/usr/bin/python3 seen.py
