#!/usr/bin/env bash
# Labels saved as 16-bit integers come back as fractions below themselves, and a cast to int then loses a class.
# Versions: nibabel 5.0.0, NumPy 1.24.2.
# One would guess: 0, 1, 2, 3 held as float and saved with a header of type int16 are stored as 0, 1, 2, 3.
# Seen: nibabel stretches them over the range of int16 (scl_slope 4.58e-5), and they come back as 0.99999999977,
#   1.9999999995, …; astype(int) makes of them 0, 1, 2. Saved from an integer array they are exact.
# A tool should: round labels, never cut them; take values within 1e-3 of a whole number for it; write masks from
#   integers.
source "$(dirname "$0")/setup.bash"
debian_package python3-nibabel 5.0.0
cat >seen.py <<'PY'
import nibabel
import nifti
import numpy

labels = numpy.array([0, 1, 2, 3]).reshape(4, 1, 1)
header = nibabel.Nifti1Header()
header.set_data_dtype(numpy.int16)
nibabel.save(nibabel.Nifti1Image(labels.astype(float), numpy.eye(4), header), "float.nii")
nibabel.save(nibabel.Nifti1Image(labels.astype(numpy.int16), numpy.eye(4)), "integer.nii")
read = nibabel.load("float.nii")
values = read.get_fdata().ravel()
print("values", values.tolist(), "slope", read.dataobj.slope)
nifti.verdict([
    ("labels by astype(int)", values.astype(int).tolist(), [0, 0, 1, 2]),
    ("labels by round", values.round().astype(int).tolist(), [0, 1, 2, 3]),
    ("saved from integers", nibabel.load("integer.nii").get_fdata().ravel().tolist(), [0, 1, 2, 3]),
])
PY
/usr/bin/python3 seen.py
