"""The form of the documents: lists, code blocks, links and launch files."""

import argparse
import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from jssl.cli import parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LAUNCH = ROOT / "docs" / "launch"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands(text: str) -> list[str]:
    """Lines that call jssl, with continued lines joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if re.match(r"\s*(srun .*)?jssl [a-z]", line)]


@pytest.mark.parametrize("path", PAGES, ids=_names)
def test_lists_and_code_blocks_are_whole(path: Path) -> None:
    text = path.read_text()
    prose = _BLOCK.sub("", text)
    merged = re.findall(r"^.*[a-z.;:`)] - \*\*.*$", prose, re.MULTILINE)
    assert not merged, f"items of a list in one line: {merged}"
    assert text.count("\n```") % 2 == 0, "a code block is not closed"
    for _, block in _BLOCK.findall(text):
        for line in block.splitlines():
            twice = re.search(r"\S.* jssl (train|evaluate|plan|sweep|report|table) ", line)
            assert twice is None or "|" in line or "&&" in line or "#" in line or "srun" in line, (
                f"two commands in one line: {line}"
            )


@pytest.mark.parametrize("path", PAGES, ids=_names)
def test_links_lead_somewhere(path: Path) -> None:
    prose = _BLOCK.sub("", path.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{target} does not exist"
        if anchor and there.suffix == ".md":
            assert anchor in _anchors(there.read_text()), f"{target}: no such heading"


def test_docstrings_have_whole_lists_and_sections() -> None:
    bad = []
    for path in sorted([*ROOT.glob("jssl/**/*.py"), *ROOT.glob("experiments/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                merged = re.search(r"[.;:] \* [A-Z`0-9]|[a-z.;:`)] - \*\*", text)
                moved = re.search(r"^ +(Args|Returns|Raises|Attributes):$", text, re.MULTILINE)
                if merged or moved:
                    bad.append(f"{_names(path)}: {(merged or moved)[0]!r}")
    assert not bad, "\n".join(bad)


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def _parsers(whole: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


@pytest.mark.parametrize("path", [*PAGES, *sorted(LAUNCH.glob("*.*"))], ids=_names)
def test_commands_and_flags_exist(path: Path) -> None:
    known = _parsers(parser())
    text = path.read_text()
    blocks = [text] if path.parent == LAUNCH and path.suffix != ".md" else []
    for command in _commands("\n".join([*blocks, *(block for _, block in _BLOCK.findall(text))])):
        words = command.split("#")[0].split()
        words = words[words.index("jssl") + 1 :]
        assert words[0] in known, f"there is no command jssl {words[0]}: {command}"
        flags = {flag for action in known[words[0]]._actions for flag in action.option_strings}
        for word in words[1:]:
            if re.match(r"--[a-z]", word):
                assert word.split("=")[0] in flags, f"{word} is no flag of jssl {words[0]}"


def test_launch_files_are_well_formed() -> None:
    found = sorted(LAUNCH.glob("*.*"))
    assert {path.suffix for path in found} >= {".sh", ".sbatch", ".yaml"}
    for path in found:
        if path.suffix in (".sh", ".sbatch"):
            subprocess.run(["bash", "-n", str(path)], check=True)
        elif path.suffix == ".yaml":
            documents = list(yaml.safe_load_all(path.read_text()))
            assert all({"apiVersion", "kind", "metadata", "spec"} <= set(d) for d in documents)


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]), ids=_names
)
def test_the_files_of_the_hosting_page_are_yaml(path: Path) -> None:
    assert yaml.safe_load(path.read_text())


def test_the_versions_agree() -> None:
    import jssl

    version = re.search(r"^version = (\S+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert jssl.__version__ == version == citation["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """mkdocs.yml lists them; tools/site_pages.py adds the methods, which stand in their index."""
    listed = set(re.findall(r"([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    missing = {page for page in pages - listed if not page.startswith("methods/")}
    assert not missing, f"add to `nav` in mkdocs.yml: {sorted(missing)}"
