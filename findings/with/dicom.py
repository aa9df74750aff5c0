"""A CT series of three slices of 4 × 6 pixels, made by pydicom, and its values and spacing by converters."""
import os
import struct
import subprocess

import numpy
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def save(folder, values, photometric="MONOCHROME2", spacing=(1, 1)):
    """values [4, 6], signed 16-bit, the same in each slice; spacing in mm of rows, then of columns."""
    os.makedirs(folder)
    study, series, frame = (generate_uid() for _ in range(3))
    for k in range(3):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        d.is_little_endian, d.is_implicit_VR = True, False
        d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
        d.Modality, d.ImageType, d.Manufacturer = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], "none"
        d.PatientName, d.PatientID, d.StudyID, d.StudyDate, d.StudyTime = "", "", "1", "20200101", "000000"
        d.SeriesNumber, d.InstanceNumber = 1, k + 1
        d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, 5 * k], [1, 0, 0, 0, 1, 0]
        d.PixelSpacing, d.SliceThickness = list(spacing), 5
        d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = 4, 6, 1, photometric
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
        d.RescaleIntercept, d.RescaleSlope, d.RescaleType = 0, 1, "HU"
        d.PixelData = numpy.asarray(values, numpy.int16).tobytes()
        d.save_as(f"{folder}/{k}.dcm", write_like_original=False)


def read(name):
    """Size, spacing, smallest and largest value of a NIfTI-1 file from its bytes, unscaled."""
    with open(name, "rb") as f:
        data = f.read()
    nx, ny, nz = struct.unpack_from("<3h", data, 42)
    code = struct.unpack_from("<h", data, 70)[0]
    kind = {4: "<i2", 8: "<i4", 16: "<f4", 512: "<u2"}[code]
    start = int(struct.unpack_from("<f", data, 108)[0])
    values = numpy.frombuffer(data, kind, nx * ny * nz, start)
    return (nx, ny, nz), struct.unpack_from("<3f", data, 80), float(values.min()), float(values.max())


def converted(tool, folder):
    """What read() gives of the folder's series behind plastimatch, dcm2niix or mrtrix3."""
    commands = {
        "plastimatch": ["plastimatch", "convert", "--input", folder, "--output-img", "plastimatch.nii"],
        "dcm2niix": ["dcm2niix", "-f", "dcm2niix", "-o", ".", folder],
        "mrtrix3": ["mrconvert", "-quiet", "-force", folder, "mrtrix3.nii"],
    }
    subprocess.run(commands[tool], check=True, capture_output=True)
    return read(f"{tool}.nii")
