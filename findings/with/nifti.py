"""Writes a NIfTI-1 file of 16-bit integers from the header's own fields, and reads it with the readers of the field."""
import json
import re
import struct
import subprocess

SHAPE = (4, 5, 6)


def save(name, pixdim=(1, 1, 1), q=0, s=1, srow=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)), units=2, slope=1, inter=0):
    """pixdim, codes q and s, the rows of the s-form; the quaternion is the identity, at the origin."""
    n = SHAPE[0] * SHAPE[1] * SHAPE[2]
    h = bytearray(352)
    struct.pack_into("<i", h, 0, 348)
    struct.pack_into("<8h", h, 40, 3, *SHAPE, 1, 1, 1, 1)
    struct.pack_into("<2h", h, 70, 4, 16)
    struct.pack_into("<8f", h, 76, 1, *pixdim, 1, 1, 1, 1)
    struct.pack_into("<3f", h, 108, 352, slope, inter)
    h[123] = units
    struct.pack_into("<2h", h, 252, q, s)
    struct.pack_into("<12f", h, 280, *[v for row in srow for v in row])
    h[344:348] = b"n+1\0"
    with open(name, "wb") as f:
        f.write(bytes(h) + struct.pack(f"<{n}h", *range(n)))


def nibabel(name):
    """Where voxel (0, 0, 0) is, in mm to the right, the front, the top; the spacing; the smallest value."""
    import nibabel as nib

    image = nib.load(name)
    zooms = [float(v) for v in image.header.get_zooms()]
    return [float(v) for v in image.affine[:3, 3]], zooms, float(image.get_fdata().min())


def itk(name):
    """The same by ITK through plastimatch, whose x and y run to the left and the back; None where it refuses."""
    text = subprocess.run(["plastimatch", "header", name], capture_output=True, text=True).stdout
    found = {line.split("=")[0].strip(): line.split("=")[1].split() for line in text.splitlines() if " = " in line}
    if "Origin" not in found:
        return None
    x, y, z = map(float, found["Origin"])
    stats = subprocess.run(["plastimatch", "stats", name], capture_output=True, text=True).stdout
    low = float(re.search(r"MIN (\S+)", stats).group(1))
    return [0.0 - x, 0.0 - y, z], [float(v) for v in found["Spacing"]], low


def mrtrix(name):
    """The same by mrtrix3."""
    text = subprocess.run(["mrinfo", "-quiet", "-transform", name], capture_output=True, text=True).stdout
    origin = [float(line.split()[3]) for line in text.splitlines() if line.strip()][:3]
    spacing = subprocess.run(["mrinfo", "-quiet", "-spacing", name], capture_output=True, text=True).stdout
    low = subprocess.run(["mrstats", "-quiet", "-output", "min", name], capture_output=True, text=True).stdout
    return origin, [float(v) for v in spacing.split()], float(low)


def nifti_reader_js(name):
    """The same by nifti-reader-js; it leaves the values as they are stored."""
    script = """import { readHeader } from "nifti-reader-js"; import { readFileSync } from "node:fs";
      const bytes = readFileSync(process.argv[1]);
      const h = readHeader(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      console.log(JSON.stringify([h.affine.slice(0, 3).map((row) => row[3]), h.pixDims.slice(1, 4)]));"""
    run = subprocess.run(["node", "--input-type=module", "-e", script, name], capture_output=True, text=True)
    origin, spacing = json.loads(run.stdout)
    return origin, spacing, None


def verdict(rows):
    """Prints each (what, seen, expected) and exits: 0 where all are as expected."""
    for what, seen, expected in rows:
        print("as said " if seen == expected else "CHANGED ", f"{what}: {seen}")
    raise SystemExit(0 if all(seen == expected for _, seen, expected in rows) else 1)
