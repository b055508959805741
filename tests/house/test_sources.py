"""The sources themselves: nothing of them can run what a file says."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted((REPOSITORY / "src").rglob("*.py"))
RULES = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "workflow").rglob("*.smk"))]
MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "urllib.request", "requests"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
CALLS |= {"yaml.full_load", "pd.read_pickle", "pandas.read_pickle", "tempfile.mktemp"}
ASKED = {  # what a call must say, and what it must not
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "np.save": ("allow_pickle", False),
}


def faults(tree):
    """Yield what of a tree of Python could run the content of a file, or a shell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"{node.lineno}: import {one.name}" for one in node.names if known(one.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            yield from (f"{node.lineno}: from {name}" for name in names if known(name))
        elif isinstance(node, ast.Call):
            name, said = ast.unparse(node.func), {one.arg: ast.unparse(one.value) for one in node.keywords}
            wanted, value = ASKED.get(name, (None, None))
            if name in CALLS or (wanted and said.get(wanted) != str(value)) or said.get("shell") == "True":
                yield f"{node.lineno}: {ast.unparse(node)[:80]}"


def known(module):
    return any(module == name or module.startswith(f"{name}.") for name in MODULES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_source_runs_what_a_file_says(path):
    assert [*faults(ast.parse(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_rule_runs_python_of_its_own(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s+(run|script|notebook):", text, re.MULTILINE)
    assert not re.search(r"\b(eval|exec|pickle|os\.system)\b", text)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import urllib.request",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run(words, shell=True)",
        "eval(text)",
        "os.system('true')",
    ],
)
def test_the_search_finds(text):
    assert [*faults(ast.parse(text))]
