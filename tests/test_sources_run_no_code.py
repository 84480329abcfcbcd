"""No file that jssl reads can run code: what could do so is named here, spot by spot, and no more.

The walk reads the syntax tree of every module, so that a word in a comment does not count.
"""

import ast
from pathlib import Path

import jssl

ROOT = Path(jssl.__file__).parent
DANGEROUS_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"}
DANGEROUS_MODULES |= {"joblib", "runpy", "yaml", "torch", "code", "imp"}
DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__", "exec_module", "read_pickle", "system"}
ALLOWED = {
    ("core/typecheck.py", "eval"),  # the annotations of classes that are already imported
    # An unpickler without functions; the other names the error that it raises.
    ("data/plain_pickle.py", "import pickle"),
    ("data/planetoid.py", "import pickle"),
    # An unpickler of tensors alone, on the same terms.
    ("weights/torch_files.py", "import pickle"),
    # The name of a shell, as an argument of shtab; nothing is started.
    ("commands/completion.py", "shell=None"),
    # An experiment's file, which is loaded from a run folder with --trust alone.
    *(("config/user_code.py", what) for what in ("exec_module", "compile", "__import__")),
}


def spots(source: str) -> set[str]:
    """What in a module could run what a file holds."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            found |= {f"import {m}" for m in modules if m.split(".")[0] in DANGEROUS_MODULES}
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = function.value if isinstance(function, ast.Attribute) else None
        of = getattr(owner, "id", "")
        bare = owner is None or of == "builtins" or name in {"exec_module", "read_pickle"}
        if name in DANGEROUS_CALLS and (bare or (of, name) == ("os", "system")):
            found.add(name)
        if of == "pickle" and name in {"load", "loads", "Unpickler"}:
            found.add(f"pickle.{name}")
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            if keyword.arg in {"allow_pickle", "shell"} and value is not False:
                found.add(f"{keyword.arg}={value}")
    return found


def test_no_module_reads_files_that_could_run_code() -> None:
    files = sorted(ROOT.rglob("*.py"))
    assert len(files) > 300
    found = {
        (path.relative_to(ROOT).as_posix(), spot)
        for path in files
        for spot in spots(path.read_text())
    }
    # A module may move; what it does may not spread.
    assert {(Path(name).name, spot) for name, spot in found} == {
        (Path(name).name, spot) for name, spot in ALLOWED
    }


def test_the_walk_sees_what_it_looks_for() -> None:
    for source, spot in (
        ("import pickle", "import pickle"),
        ("from torch.serialization import load", "import torch.serialization"),
        ("import pickle\npickle.loads(b'')", "pickle.loads"),
        ("np.load(path, allow_pickle=True)", "allow_pickle=True"),
        ("np.load(path, allow_pickle=wanted)", "allow_pickle=None"),
        ("eval(text)", "eval"),
        ("builtins.exec(text)", "exec"),
        ("os.system(text)", "system"),
        ("run(text, shell=True)", "shell=True"),
        ("pd.read_pickle(path)", "read_pickle"),
        ("spec.loader.exec_module(module)", "exec_module"),
    ):
        assert spot in spots(source), source
    assert not spots("re.compile(x)\nmodel.eval()\nnp.load(path, allow_pickle=False)\n# pickle")
