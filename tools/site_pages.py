"""Hooks of the documentation site (mkdocs.yml): pages that are made of the code, links, navigation.

The pages in docs/ are written to be read in the repository as well, so their links lead to files
beside them, to the README's neighbours, to results and to source files. On the site, pages from
outside docs/ are added under their paths, and a link to a source file leads to the reference of its
module.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    *("CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"),
    *("LICENSE", "SECURITY.md"),
)
RESULTS = ("*.md", "*.png", "*.json")
MOVED = {"README.md": "overview.md", "results": "results/learning_shapes.md"}
"""Paths in the repository whose page on the site has another name."""
PACKAGES = {
    "api": "Train, evaluate, load",
    "augmentations": "Augmentations",
    "config": "Experiments",
    "core": "Shared parts",
    "data": "Data",
    "encoders": "Encoders",
    "evaluation": "Evaluators",
    "evaluation.protocols": "Protocols",
    "health": "Collapse alarm",
    "interop": "Embeddings and export",
    "logging": "Metrics",
    "methods": "Methods",
    "nn": "Layers",
    "objectives": "Objectives",
    "plan": "Plans",
    "runs": "Runs",
    "studies": "Sweeps and tables",
    "testing": "Checks for methods",
    "training": "Training",
    "weights": "Public weights",
}
"""Package or module of jssl -> title of its page of the reference."""
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)


def module_files(package: str) -> list[Path]:
    """Source files of one page of the reference, in the order of their names."""
    path = ROOT / "jssl" / package.replace(".", "/")
    if not path.is_dir():
        return [path.with_suffix(".py")]
    own = [file for file in path.rglob("*.py") if not file.name.startswith("_")]
    return sorted(file for file in own if page_of(dotted(file)) == package)


def dotted(file: Path) -> str:
    """`.../jssl/nn/heads.py` -> `jssl.nn.heads`."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def page_of(module: str) -> str | None:
    """The entry of `PACKAGES` whose page describes a module, the most specific one."""
    found = [name for name in PACKAGES if f"{module}.".startswith(f"jssl.{name}.")]
    return max(found, key=len, default=None)


def reference(package: str, *, full: bool = True) -> str:
    """The Markdown of one page of the reference.

    Args:
      package: a key of `PACKAGES`.
      full: whether mkdocstrings fills it in; otherwise it has the headings of the modules only.
    """
    lines = [f"# {PACKAGES[package]} (jssl.{package})", "", "From the docstrings.", ""]
    for module in map(dotted, module_files(package)):
        lines += [f"::: {module}" if full else f"## {module} {{#{module}}}", ""]
    return "\n".join(lines)


def families() -> dict[str, list[str]]:
    """Family of methods -> its pages, as the index in docs/methods/README.md lists them."""
    found: dict[str, list[str]] = {}
    index = (ROOT / "docs" / "methods" / "README.md").read_text()
    for family, page in re.findall(r"^\| (\w+) \| \[[^]]+\]\(([^)]+)\)", index, re.MULTILINE):
        found.setdefault(family, []).append(f"methods/{page}")
    return found


def notebooks() -> list[Path]:
    """The notebooks, in the order in which a newcomer reads them."""
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return sorted(found, key=lambda path: path.stem != "five_minutes")


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook with its saved outputs as a page.

    Returns:
      (Markdown, name of a file beside the page -> its bytes).
    """
    parts, images = [], {}
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            text = "".join(output.get("text", data.get("text/plain", "")))
            if "image/png" in data:
                name = f"{path.stem}.{len(images)}.png"
                images[name] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![]({name})")
            elif "text/markdown" in data:
                parts.append("".join(data["text/markdown"]))
            elif text:
                parts.append(f"```text\n{text.rstrip()}\n```")
    parts.insert(1, f"The notebook itself is `notebooks/{path.name}` in the repository.")
    return "\n\n".join(parts) + "\n", images


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills the sections of the navigation that follow from the code and the notebooks."""
    methods = [{family.capitalize(): pages} for family, pages in families().items()]
    for section in config.nav:
        if "Methods" in section:
            section["Methods"] = ["methods/README.md", *methods]
        if "Notebooks" in section:
            section["Notebooks"] = [f"notebooks/{path.stem}.md" for path in notebooks()]
        if "API" in section:
            section["API"] = [
                "api/README.md",
                *({title: f"api/{name}.md"} for name, title in PACKAGES.items()),
            ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the reference and the pages from outside docs/."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for pattern in RESULTS:
        for path in sorted((ROOT / "results").glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    readme = str(ROOT / "README.md")
    files.append(File.generated(config, MOVED["README.md"], abs_src_path=readme))
    for path in notebooks():
        text, images = notebook_page(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, data in images.items():
            files.append(File.generated(config, f"notebooks/{name}", content=data))
    full = config.plugins["mkdocstrings"].config.enabled
    for package in PACKAGES:
        text = reference(package, full=full)
        files.append(File.generated(config, f"api/{package}.md", content=text))
    rows = [f"| [{title}]({name}.md) | `jssl.{name}` |" for name, title in PACKAGES.items()]
    index = ["# API reference", "", *INDEX, "", "| page | package |", "|---|---|", *rows, ""]
    files.append(File.generated(config, "api/README.md", content="\n".join(index)))
    return files


INDEX = (
    "`import jssl` does not import JAX: names are loaded when they are first used. `jssl.train`,",
    "`jssl.evaluate` and `jssl.load` are the verbs of the command line; `jssl.objectives`,",
    "`jssl.augmentations`, `jssl.encoders` and `jssl.methods` offer what is in their modules under",
    "one name each.",
)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites links that leave docs/, outside of code blocks."""
    folder = posixpath.dirname(page.file.src_uri)
    if folder == "api":  # the search names what explains first
        page.meta["search"] = {"boost": 0.5}

    def rewritten(match: re.Match[str]) -> str:
        return match[1] + site_link(match[2], folder, files) + match[3]

    parts = _FENCE.split(markdown)
    return "".join(p if p.startswith("```") else _LINK.sub(rewritten, p) for p in parts)


def site_link(target: str, folder: str, files: Files) -> str:
    """A link as it has to be on the site.

    Args:
      target: as it stands in the page, relative to the page's file.
      folder: the page's folder, relative to docs/ (or, for pages from outside, to the repository).
      files: all files of the site.

    Returns:
      The target itself, or a link to the page that shows the same.
    """
    path, mark, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return target
    there = posixpath.normpath(posixpath.join("docs", folder, path))
    if not (ROOT / there).exists():  # the page is from outside docs/
        there = posixpath.normpath(posixpath.join(folder, path))
    page = MOVED.get(there, there.removeprefix("docs/"))
    if there.startswith("jssl/"):
        module = there.removesuffix(".py").replace("/", ".")
        page = f"api/{page_of(module)}.md"
        mark, anchor = ("#", module) if there.endswith(".py") else ("", "")
    elif there.endswith(".ipynb"):
        page = str(Path(there).with_suffix(".md"))
    if files.get_file_from_path(page) is None:
        return target
    return posixpath.relpath(page, folder or ".") + mark + anchor


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lets wide tables of figures be scrolled with the keyboard."""
    return html.replace("<table>", '<table tabindex="0">')


def on_post_build(config: MkDocsConfig, **arguments: Any) -> None:
    """Refuses a site that would load anything from the network."""
    loaded = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="?(https?:)?//[^">]*')
    for path in Path(config.site_dir).rglob("*.html"):
        found = loaded.search(path.read_text())
        if found:
            raise ValueError(f"{path} loads {found[0]}")
