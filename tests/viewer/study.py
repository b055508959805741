"""The results of a small study, as far as the viewer looks at them: ensembles, predictions, a reconstruction."""

from pathlib import Path

import numpy as np

from tessera.data import store
from tests.evaluation import synthetic


def results(folder: Path) -> Path:
    """Write the stores of the synthetic study and return the folder."""
    for scale in ("micro", "meso"):
        truth = synthetic.ensemble(scale)
        store.save_zarr(truth.chunk({"case": 1}), folder / "ensembles" / f"{scale}.json")
        for model, n_meso, seed in synthetic.runs(scale):
            noise, lag = synthetic.MARRED[model]
            members = synthetic.MEMBERS.get(model, 0)
            made = synthetic.prediction(truth, model, n_meso, seed, scale=scale, noise=noise, lag=lag, members=members)
            store.save_zarr(made, folder / "predictions" / scale / model / f"n{n_meso}_s{seed}_test.json")
    decoded = synthetic.prediction(synthetic.ensemble("micro"), "reconstruction", 0, 0, scale="micro", noise=0.05)
    del decoded.attrs["n_meso"], decoded.attrs["seed"]
    store.save_zarr(decoded, folder / "reconstructions" / "micro.json")
    return folder


def damage(manifest: Path, field: str = "temperature") -> None:
    """Cut the largest chunk of a field of a store."""
    files = [path for path in (manifest.with_suffix(".zarr") / field).rglob("*") if path.is_file()]
    chunk = max(files, key=lambda path: path.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:-9])


def harm(manifest: Path, field: str, *cases: int) -> None:
    """Break a field of some cases of a small store, whose cases lie in one file before the table of their places."""
    (file,) = (path for path in (manifest.with_suffix(".zarr") / field / "c").rglob("*") if path.is_file())
    content, count = bytearray(file.read_bytes()), store.open_zarr(manifest, verified=False).sizes["case"]
    table = np.frombuffer(content[-16 * count - 4 : -4], "<u8").reshape(count, 2)
    for start, length in table[list(cases)].tolist():
        content[start : start + length] = bytes(length)
    file.write_bytes(content)
