#!/usr/bin/env bash
# The spacing of an image and the columns of its affine come from two places of the file, and may differ.
# Versions: nibabel 5.0.0, ITK 5.2.1 (plastimatch 1.9.4), mrtrix3 3.0.3.
# One would guess: a reader that takes the s-form takes the spacing from it.
# Seen: pixdim 1 mm beside an s-form with columns of 2 mm: nibabel's get_zooms() says 1 and its affine 2, without a
#   warning; mrtrix3 says 2; ITK finds no image at all ("only supports orthonormal direction cosines").
# A tool should: derive spacing from the affine's columns alone, and warn where pixdim differs; volumes in ml taken
#   from get_zooms() are 8 times too small here.
source "$(dirname "$0")/setup.bash"
debian_package python3-nibabel 5.0.0
debian_package plastimatch 1.9.4
debian_package libinsighttoolkit5.2 5.2.1
debian_package mrtrix3 3.0.3
cat >seen.py <<'PY'
import nibabel
import nifti

nifti.save("image.nii", srow=((2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 2, 0)))
image = nibabel.load("image.nii")
nifti.verdict([
    ("nibabel get_zooms()", [float(v) for v in image.header.get_zooms()], [1, 1, 1]),
    ("nibabel voxel_sizes(affine)", nibabel.affines.voxel_sizes(image.affine).tolist(), [2, 2, 2]),
    ("mrtrix3", nifti.mrtrix("image.nii")[1], [2, 2, 2]),
    ("ITK", nifti.itk("image.nii"), None),
])
PY
/usr/bin/python3 seen.py
