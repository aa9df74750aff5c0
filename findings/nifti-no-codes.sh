#!/usr/bin/env bash
# A NIfTI file with both orientation codes 0 is put in different places, and mirrored in one of them.
# Versions: nibabel 5.0.0, ITK 5.2.1 (plastimatch 1.9.4), mrtrix3 3.0.3, nifti-reader-js 0.8.0.
# One would guess: without codes only the spacing counts, so the first voxel is at the origin, for all.
# Seen: 4 × 5 × 6 voxels of 1 × 2 × 3 mm. First voxel, in mm to the right, the front and the top: nibabel (1.5, -4,
#   -7.5) with x running to the left; mrtrix3 (-1.5, -4, -7.5) with x to the right; nifti-reader-js the origin, x to
#   the right and y to the front; ITK the origin, x to the left and y to the back.
# A tool should: say that the codes are missing, and pair an image and its mask voxel for voxel only when told to; a
#   mask that went through one of these readers comes back with a code, and elsewhere.
source "$(dirname "$0")/setup.bash"
debian_package python3-nibabel 5.0.0
debian_package plastimatch 1.9.4
debian_package libinsighttoolkit5.2 5.2.1
debian_package mrtrix3 3.0.3
npm_packages nifti-reader-js@0.8.0
cat >seen.py <<'PY'
import subprocess

import nibabel
import nifti

nifti.save("image.nii", pixdim=(1, 2, 3), q=0, s=0)
expected = {"nibabel": [1.5, -4, -7.5], "mrtrix": [-1.5, -4, -7.5], "nifti_reader_js": [0, 0, 0], "itk": [0, 0, 0]}
rows = [(f"first voxel by {name}", getattr(nifti, name)("image.nii")[0], at) for name, at in expected.items()]
rows.append(("which way x runs by nibabel", nibabel.aff2axcodes(nibabel.load("image.nii").affine), ("L", "A", "S")))
header = subprocess.run(["plastimatch", "header", "image.nii"], capture_output=True, text=True).stdout
direction = [line.split("=")[1].split() for line in header.splitlines() if line.startswith("Direction")][0]
rows.append(("diagonal of ITK's directions (left, back, top)", [float(direction[i]) for i in (0, 4, 8)], [1, 1, 1]))
nifti.verdict(rows)
PY
/usr/bin/python3 seen.py
