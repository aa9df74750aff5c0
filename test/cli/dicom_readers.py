"""Masks in DICOM as pydicom and dcmtk read them. Nothing here is cmedl's code.

python3 dicom_readers.py pydicom|dcmtk SERIES OUT FILE

FILE is an RTSTRUCT or a SEG of one structure on the axial series in the folder SERIES; OUT gets its mask, a byte a voxel,
[slices, rows, columns], the slices in the order of their place. Contours are filled by the centres of pixels, even-odd.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

import numpy


class Pydicom:
    def slices(self, paths):
        import pydicom
        for d in (pydicom.dcmread(path, stop_before_pixels=True) for path in paths):
            yield [float(x) for x in d.ImagePositionPatient], [float(x) for x in d.PixelSpacing], d.Rows, d.Columns

    def contours(self, path):
        import pydicom
        d = pydicom.dcmread(path)
        if d.Modality != "RTSTRUCT":
            return None
        return [numpy.reshape([float(x) for x in c.ContourData], (-1, 3))
                for s in d.ROIContourSequence for c in s.get("ContourSequence", [])]

    def frames(self, path):
        import pydicom
        d = pydicom.dcmread(path)
        groups = d.PerFrameFunctionalGroupsSequence
        places = [[float(x) for x in g.PlanePositionSequence[0].ImagePositionPatient] for g in groups]
        return places, numpy.reshape(d.pixel_array, (-1, d.Rows, d.Columns))


class Dcmtk:
    def values(self, tag, *paths):
        """The values of an attribute wherever it stands in files, in their order."""
        command = ["dcmdump", "+L", "+s", "+P", tag, *paths]
        text = subprocess.run(command, check=True, capture_output=True).stdout.decode()
        return re.findall(r"^\s*\(\S+\) \w\w \[?(.*?)\]?\s+#", text, re.M)

    def numbers(self, tag, *paths):
        return [[float(x) for x in value.split("\\")] for value in self.values(tag, *paths)]

    def slices(self, paths):
        for place, spacing, (rows,), (columns,) in zip(
                *(self.numbers(tag, *paths) for tag in ("0020,0032", "0028,0030", "0028,0010", "0028,0011"))):
            yield place, spacing, int(rows), int(columns)

    def contours(self, path):
        if self.values("0008,0060", path) != ["RTSTRUCT"]:
            return None
        return [numpy.reshape(values, (-1, 3)) for values in self.numbers("3006,0050", path)]

    def frames(self, path):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dcm2pnm", "+Fa", path, os.path.join(folder, "frame")], check=True, capture_output=True)
            files = glob.glob(os.path.join(folder, "frame.*"))
            files.sort(key=lambda name: int(re.findall(r"\d+", os.path.basename(name))[0]))
            return self.numbers("0020,0032", path), numpy.array([self.grey(name) for name in files]) > 127

    def grey(self, path):
        """The pixels of a binary PGM."""
        with open(path, "rb") as f:
            data = f.read()
        header = re.match(rb"P5\s+(?:#.*\n)*(\d+)\s+(\d+)\s+(\d+)\s", data)
        columns, rows = int(header[1]), int(header[2])
        return numpy.frombuffer(data, numpy.uint8, rows * columns, header.end()).reshape(rows, columns)


def crossings(x, y, rows, columns):
    """[rows, columns]: whether a polygon (in pixels, 0 the centre of the first) holds each pixel's centre."""
    inside = numpy.zeros((rows, columns), bool)
    for x0, y0, x1, y1 in zip(x, y, numpy.roll(x, -1), numpy.roll(y, -1)):
        for row in range(max(0, int(numpy.ceil(min(y0, y1)))), min(rows, int(numpy.floor(max(y0, y1))) + 1)):
            if (y0 <= row) != (y1 <= row):
                at = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
                inside[row] ^= numpy.arange(columns) > at
    return inside


def main(reader, series, out, path):
    slices = sorted(reader.slices(glob.glob(os.path.join(series, "*"))), key=lambda s: s[0][2])
    heights = numpy.array([place[2] for place, *_ in slices])
    (left, top, _), (between_rows, between_columns), rows, columns = slices[0]
    mask = numpy.zeros((len(slices), rows, columns), numpy.uint8)
    contours = reader.contours(path)
    if contours is None:
        for place, frame in zip(*reader.frames(path)):
            assert abs(place[0] - left) + abs(place[1] - top) < 1e-3, place
            mask[numpy.abs(heights - place[2]).argmin()] |= frame.astype(numpy.uint8)
    else:
        for points in contours:
            x, y = (points[:, 0] - left) / between_columns, (points[:, 1] - top) / between_rows
            mask[numpy.abs(heights - points[0, 2]).argmin()] ^= crossings(x, y, rows, columns).astype(numpy.uint8)
    mask.tofile(out)


main({"pydicom": Pydicom, "dcmtk": Dcmtk}[sys.argv[1]](), *sys.argv[2:])
