"""Copies the smallest of pydicom's test files that cover a transfer syntax each, and records what pydicom and Pillow make of them.

Run: pip install pydicom pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pylibjpeg-rle numpy pillow; python makeDicomVectors.py
The files are pydicom's (MIT), `pydicom/data/test_files`; their own sources are named in its README.txt there.
"""
import json
import pathlib
import shutil

import numpy
import PIL
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
LOSSLESS = """MR_small MR_small_implicit MR_small_bigendian MR_small_RLE MR_small_jp2klossless MR_small_jpeg_ls_lossless
CT_small image_dfl SC_rgb_small_odd SC_rgb_rle SC_rgb_rle_2frame SC_rgb_rle_16bit SC_rgb_jpeg_gdcm
JPEGLSNearLossless_08 JPEGLSNearLossless_16""".split()
LOSSY = "SC_rgb_jpeg_dcmtk SC_ybr_full_422_uncompressed 693_J2KI JPEG2000".split()
OTHERS = "JPGExtended reportsi MR_truncated ExplVR_LitEndNoMeta".split()
SAMPLES = 97


def picture(name):
    dataset = pydicom.dcmread(SOURCE / f"{name}.dcm")
    pixels = dataset.pixel_array  # pydicom 3 makes RGB of YBR itself.
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        pixels = pixels[-1]
    if dataset.SamplesPerPixel == 3:
        return pixels.astype(float) * (255 / (2**dataset.BitsStored - 1))
    return pixels.astype(float) * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))


def case(name, tolerance):
    values = picture(name)
    flat = values.reshape(-1)
    at = [k * flat.size // SAMPLES for k in range(SAMPLES)]
    return {
        "file": f"{name}.dcm",
        "shape": list(values.shape) + ([1] if values.ndim == 2 else []),
        "tolerance": tolerance,
        "mean": float(flat.mean()),
        "samples": [[i, float(flat[i])] for i in at],
    }


def resized():
    source = numpy.array([(i * 7919) % 251 for i in range(37 * 53)], dtype=numpy.float32).reshape(37, 53)
    image = Image.fromarray(source, mode="F")
    sizes = [(16, 16), (5, 60), (80, 7)]
    filters = {"area": Image.Resampling.BOX, "lanczos": Image.Resampling.LANCZOS}
    return [
        {
            "filter": name,
            "height": height,
            "width": width,
            "values": [round(float(v), 4) for v in numpy.asarray(image.resize((width, height), which)).reshape(-1)],
        }
        for name, which in filters.items()
        for height, width in sizes
    ]


def modality_table(first, entries, bits, is_signed, stored):
    """What pydicom makes of stored values by a modality look-up table: entries are public numbers of no picture."""
    dataset, item = Dataset(), Dataset()
    item.LUTDescriptor = [entries, first, bits]
    item["LUTDescriptor"].VR = "SS" if is_signed else "US"
    data = [(7 * i * i + 3) % 2**bits for i in range(entries)]
    item.LUTData = data
    item["LUTData"].VR = "US"
    dataset.ModalityLUTSequence = [item]
    values = apply_modality_lut(numpy.array(stored, dtype=numpy.int16 if is_signed else numpy.uint16), dataset)
    described = {"first": first, "bits": bits, "isSigned": is_signed, "data": data}
    return {**described, "stored": stored, "values": [int(value) for value in values]}


for name in LOSSLESS + LOSSY + OTHERS:
    shutil.copy(SOURCE / f"{name}.dcm", HERE / "dicom" / f"{name}.dcm")
vectors = {
    "source": f"pydicom {pydicom.__version__} (MIT) with pylibjpeg; Pillow {PIL.__version__}",
    "pictures": [case(name, 0.01) for name in LOSSLESS] + [case(name, 3) for name in LOSSY],
    "resized": resized(),
    "modalityTables": [
        modality_table(0, 16, 16, False, [0, 1, 15, 16, 4095, 7]),
        modality_table(100, 10, 8, False, [0, 99, 100, 105, 109, 110]),
        modality_table(-20, 40, 16, True, [-2048, -21, -20, 0, 19, 2047]),
    ],
}
(HERE / "dicom.json").write_text(json.dumps(vectors) + "\n")
