#!/usr/bin/env bash
# A NIfTI file in metres is a thousand times smaller for three readers of four.
# Versions: nibabel 5.0.0, ITK 5.2.1 (plastimatch 1.9.4), mrtrix3 3.0.3, nifti-reader-js 0.8.0.
# One would guess: xyzt_units is honoured by all or by none.
# Seen: 0.002 × 0.002 × 0.003 with units "metre" is 2 × 2 × 3 by ITK; nibabel, mrtrix3 and nifti-reader-js give 0.002
#   × 0.002 × 0.003 and call it millimetres.
# A tool should: read xyzt_units itself and scale (small-animal and microscope images come in µm), or refuse what is
#   not mm.
source "$(dirname "$0")/setup.bash"
debian_package python3-nibabel 5.0.0
debian_package plastimatch 1.9.4
debian_package libinsighttoolkit5.2 5.2.1
debian_package mrtrix3 3.0.3
npm_packages nifti-reader-js@0.8.0
cat >seen.py <<'PY'
import nifti

srow = ((0.002, 0, 0, 0), (0, 0.002, 0, 0), (0, 0, 0.003, 0))
nifti.save("image.nii", pixdim=(0.002, 0.002, 0.003), srow=srow, units=1)
rows = []
for reader in (nifti.itk, nifti.nibabel, nifti.mrtrix, nifti.nifti_reader_js):
    expected = [2, 2, 3] if reader is nifti.itk else [0.002, 0.002, 0.003]
    rows.append((f"spacing by {reader.__name__}", [round(v, 6) for v in reader("image.nii")[1]], expected))
nifti.verdict(rows)
PY
/usr/bin/python3 seen.py
