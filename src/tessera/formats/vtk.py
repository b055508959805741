"""A store of the schema for ParaView: of every case a series of VTK images, one for each snapshot.

A `.pvd` file names the images and their times; a `.vti` file is XML with zlib-compressed binary behind it. Both are
read by every ParaView, VisIt and VTK, in two dimensions as well.
https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
"""

import zlib
from pathlib import Path

import numpy as np
import xarray as xr

from tessera.data import schema
from tessera.data.files import write_bytes, write_text
from tessera.formats.registry import Progress
from tessera.formats.variables import tidy

VELOCITY = ("velocity_x", "velocity_y")  # together also a vector
LEVEL = 1  # of compression
_TYPE = 'version="1.0" byte_order="LittleEndian" header_type="UInt64" compressor="vtkZLibDataCompressor"'


def write(dataset: xr.Dataset, folder: Path, progress: Progress) -> None:
    """Write a `.pvd` file and a folder of `.vti` images for each case, named by its number.

    Fields are cell data, as values are means over cells, each with its unit as the VTK key UNITS_LABEL; both velocities
    are also the vector `velocity`. Lengths are in m, times in s. What is said of a case is field data of each image.

    Parameters
    ----------
    dataset
        Keeps the schema; one case at a time is read.
    folder
        Where the files go.
    progress
        Called with the name of each case that was written.
    """
    for number in range(dataset.sizes["case"]):
        one = dataset.isel(case=number).load()
        stem = f"case_{int(one['case']):04d}"
        times = one["time"].values.tolist()
        names = [f"{stem}/{snapshot:04d}.vti" for snapshot in range(len(times))]
        for snapshot, name in enumerate(names):
            write_bytes(folder / name, image(one, snapshot))
        write_text(folder / f"{stem}.pvd", _series(names, times))
        progress(str(one["name"].item()) if "name" in one.coords else stem)


def image(one: xr.Dataset, snapshot: int) -> bytes:
    """Return a snapshot of a case as the content of a `.vti` file.

    Parameters
    ----------
    one
        A case of the schema: dims (time, y, x), what is said of it as scalar coordinates.
    snapshot
        Which one.
    """
    width, (ny, nx) = tidy(schema.cell_size(one)), (one.sizes["y"], one.sizes["x"])
    origin = [tidy(float(one[axis][0]) - 0.5 * width) for axis in ("x", "y")]
    values = {name: (one[name].values[snapshot], schema.FIELDS[name].units) for name in schema.fields_of(one)}
    vector = ""
    if set(VELOCITY) <= set(values):
        u, v = (values[name][0] for name in VELOCITY)
        values["velocity"] = (np.stack([u, v, np.zeros_like(u)], axis=-1), schema.FIELDS[VELOCITY[0]].units)
        vector = ' Vectors="velocity"'
    arrays, packed, offset = [], [], 0
    for name, (field, units) in values.items():
        label = f'<InformationKey name="UNITS_LABEL" location="vtkDataArray">{units}</InformationKey>'
        parts = 1 if field.ndim == 2 else 3
        where = f'NumberOfComponents="{parts}" format="appended" offset="{offset}"'
        arrays.append(f'<DataArray type="Float32" Name="{name}" {where}>{label}</DataArray>')
        packed.append(_packed(field))
        offset += len(packed[-1])
    lines, extent = "\n".join(arrays), f"0 {nx} 0 {ny} 0 0"
    grid = f'Origin="{origin[0]!r} {origin[1]!r} 0" Spacing="{width!r} {width!r} {width!r}"'
    head = f"""<?xml version="1.0"?>
<VTKFile type="ImageData" {_TYPE}>
<ImageData WholeExtent="{extent}" {grid}>
<FieldData>
{_facts(one, snapshot)}
</FieldData>
<Piece Extent="{extent}">
<CellData Scalars="{next(iter(values))}"{vector}>
{lines}
</CellData>
</Piece>
</ImageData>
<AppendedData encoding="raw">
_"""
    return b"".join([head.encode(), *packed, b"\n</AppendedData>\n</VTKFile>\n"])


def _packed(field: np.ndarray) -> bytes:
    """Return an array as one compressed block behind its header: number and size of blocks, packed size."""
    content = np.ascontiguousarray(field, "<f4").tobytes()
    packed = zlib.compress(content, LEVEL)
    return np.array([1, len(content), 0, len(packed)], "<u8").tobytes() + packed


def _facts(one: xr.Dataset, snapshot: int) -> str:
    """Return the time of a snapshot and what is said of its case, as arrays of one value."""
    found = {"TimeValue": one["time"].values[snapshot].item()}
    found |= {name: one[name].item() for name in schema.CASE_COORDINATES if name in one.coords}
    return "\n".join(_fact(name, value) for name, value in found.items() if value == value)


def _fact(name: str, value: str | float) -> str:
    if isinstance(value, str):
        letters = " ".join(str(byte) for byte in [*value.encode(), 0])
        return f'<Array type="String" Name="{name}" NumberOfTuples="1" format="ascii">{letters}</Array>'
    return f'<DataArray type="Float64" Name="{name}" NumberOfTuples="1" format="ascii">{value!r}</DataArray>'


def _series(names: list[str], times: list[float]) -> str:
    files = "\n".join(
        f'<DataSet timestep="{time!r}" part="0" file="{name}"/>' for name, time in zip(names, times, strict=True)
    )
    return f"""<?xml version="1.0"?>
<VTKFile type="Collection" version="1.0">
<Collection>
{files}
</Collection>
</VTKFile>
"""
