"""The page on adding a model, done: its blocks are applied to a copy of the sources, which then train and predict."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "adding-a-model.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^(?:`|\*\*)(src/[\w/]+\.py)(?:`$|\*\*, a new file$)", re.MULTILINE)
RUN = """
import sys
from pathlib import Path
from tessera.data import scaling, schema, store
from tessera.stages import networks
from tessera.study import load
from tests.learning.front import ensemble

r, config = Path(sys.argv[1]), Path(sys.argv[2])
study = load([config / "config.yaml", config / "smoke.yaml", r / "study.yaml"])
for scale in ("micro", "meso"):
    cases = ensemble(cases=4, snapshots=6, ny=16, nx=32)
    cases.attrs |= {"study": study.name, "scale": scale}
    store.save_zarr(schema.describe(cases), r / f"{scale}.json")
    scaling.save(scaling.fit(cases, schema.SIMULATED, scale), r / f"{scale}-scales.json", {"study": study.name})
for model, micro in (("dilated", None), ("dilated-micro", r / "micro.json")):
    out = r / f"{model}.safetensors"
    scales, history = r / "meso-scales.json", out.with_suffix(".jsonl")
    networks.fit_rival(study, model, 1, 0, r / "meso.json", micro, scales, r / "state", out, history)
    networks.predict(study, out, r / "meso.json", "test", r / f"{model}.json")
    assert set(store.open_zarr(r / f"{model}.json").data_vars) == set(schema.SIMULATED)
"""


def applied(folder):
    """Apply the blocks of the page to a copy of the sources; return the overlay that it ends with."""
    text, study = PAGE.read_text(encoding="utf-8"), ""
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        if kind == "yaml":
            study = content
        named = NAMED.findall(text[: block.start()])
        if kind == "python":
            path = folder / named[-1]
            assert not path.exists()
            path.write_text(content, encoding="utf-8")
        elif kind == "diff":
            path, lines = folder / named[-1], content.splitlines(keepends=True)
            before, after = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
            known = path.read_text(encoding="utf-8")
            assert known.count(before) == 1, f"{named[-1]}: expected once: {before}"
            path.write_text(known.replace(before, after), encoding="utf-8")
    return study


def test_the_worked_example_trains_with_and_without_micro_cases_and_predicts(tmp_path):
    shutil.copytree(REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    study = applied(tmp_path)
    short = "device: cpu\n" + study.replace("width: 48", "width: 4").replace("blocks: 4", "blocks: 1")
    (tmp_path / "study.yaml").write_text(short.replace("like: cnext", "like: cnext\n    meso_cases: [1]"))
    paths = os.pathsep.join([str(tmp_path / "src"), str(REPOSITORY)])
    call = [sys.executable, "-c", RUN, str(tmp_path), str(REPOSITORY / "config")]
    done = subprocess.run(call, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "dilated-micro.json").is_file()
