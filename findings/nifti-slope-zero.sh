#!/usr/bin/env bash
# scl_slope 0 switches the intercept off for some readers only.
# Versions: nibabel 5.0.0, ITK 5.2.1 (plastimatch 1.9.4), mrtrix3 3.0.3.
# One would guess: scl_slope 0 means that values are not scaled, the intercept included, as the standard says; all
#   ignore it.
# Seen: with scl_slope 0 and scl_inter -1000 a stored 0 is 0 by nibabel and mrtrix3, and -1000 by ITK.
# A tool should: ignore both, and warn where scl_inter is not 0: a CT is 1000 HU off in one tool of three.
source "$(dirname "$0")/setup.bash"
debian_package python3-nibabel 5.0.0
debian_package plastimatch 1.9.4
debian_package libinsighttoolkit5.2 5.2.1
debian_package mrtrix3 3.0.3
cat >seen.py <<'PY'
import nifti

nifti.save("image.nii", slope=0, inter=-1000)
rows = [(f"smallest value by {reader.__name__}", reader("image.nii")[2], expected)
        for reader, expected in ((nifti.nibabel, 0), (nifti.mrtrix, 0), (nifti.itk, -1000))]
nifti.verdict(rows)
PY
/usr/bin/python3 seen.py
