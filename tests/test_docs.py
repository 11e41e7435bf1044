"""The documentation: its links lead somewhere, and the messages it explains exist."""

from __future__ import annotations

import ast
import importlib
import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from armtune.plugins.registry import KINDS, plugins
from armtune.recipe.describe import summary
from armtune.report.glossary import WORDS

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
CONCEPTS = ROOT / "docs/concepts.md"
GENERATED = ("recipe.md", "cli.md")
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "mkdocs.yml"]
TEXTS += sorted((ROOT / "examples").glob("*/*.md"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    names = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES]
    assert [name for name in names if f": {name}\n" not in menu] == []


def test_explained_messages_are_real() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "armtune").rglob("*.py"))
    # Messages are written over several lines of a file, as f-strings.
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    headings = re.findall(r"^### `(.+)`$", (ROOT / "docs/errors.md").read_text(), flags=re.M)
    parts = [part.strip() for heading in headings for part in heading.split("…")]
    assert len(headings) > 20
    assert [part for part in parts if part not in source] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_named_modules_and_what_is_named_in_them_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [*re.findall(r"\barmtune(?:\.[A-Za-z_]\w*)+", text), *imported_in(text)]
    assert [name for name in dict.fromkeys(named) if not exists(name)] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    folders = "armtune|tests|benchmarks|recipes|search_spaces|examples|docs"
    named = re.findall(rf"(?<![\w/.…])(?:{folders})/[\w./*-]*\w", text)
    assert [name for name in dict.fromkeys(named) if not (ROOT / name).exists()] == []


def test_a_name_that_is_gone_is_noticed() -> None:
    assert exists("armtune.datasets.torch_dataset.TorchData")
    assert not exists("armtune.data.torch_dataset.TorchData")
    assert not exists("armtune.sweep.Listener")
    text = "```python\nfrom armtune.nn import layers\nimport armtune.lazy\n```"
    assert list(imported_in(text)) == ["armtune.nn.layers", "armtune.lazy"]
    assert list(imported_in("say:\n\n    from armtune.nn import gone\n\nso")) == ["armtune.nn.gone"]


def test_the_kinds_of_plugins_are_all_there() -> None:
    text = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \| `armtune\.(\w+)\.(\w+)` \|", text, flags=re.M)
    assert {(kind, kind, base) for kind, base in KINDS.items()} == set(told)


def test_every_augmentation_has_its_row() -> None:
    text = (ROOT / "docs/augmentation.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|[^|]+\| (.+) \|$", text, flags=re.M)
    assert told == [(name, summary(plugin)) for name, plugin in plugins("augmentations").items()]


def test_the_glossary_is_the_reports() -> None:
    script = runpy.run_path(str(ROOT / "docs/glossary.py"))
    text = CONCEPTS.read_text(encoding="utf-8")
    assert script["page"](text) == text, "run: just generate"


WRITTEN = [page for page in (*PAGES, ROOT / "README.md") if page.name not in GENERATED]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_the_first_use_of_our_own_words_is_a_link(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    concepts = "" if page == CONCEPTS else Path(os.path.relpath(CONCEPTS, page.parent)).as_posix()
    bare = []
    for word in WORDS:
        used = first_use(word, text)
        anchor = f"{concepts}#{word.replace(' ', '-')}"
        if used and not used.endswith(f"]({anchor})"):
            bare.append(f"{used} → {anchor}")
    assert bare == []


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_lead_to_the_glossary(name: str) -> None:
    assert "](concepts.md#glossary)" in (ROOT / "docs" / name).read_text(encoding="utf-8")


def imported_in(text: str) -> Iterator[str]:
    """What a page's pieces of Python import of armtune, as dotted names."""
    pieces = re.findall(r"^[ ]*```python\n(.*?)^[ ]*```", text, flags=re.M | re.S)
    pieces += re.findall(r"^ {4}(?:from|import) armtune.*$", text, flags=re.M)
    nodes = [node for piece in pieces for node in ast.walk(ast.parse(dedent(piece)))]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("armtune"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("armtune"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or can be had from one."""
    module, *rest = name.split(".")
    found: object = importlib.import_module(module)
    for part in rest:
        module = f"{module}.{part}"
        if not hasattr(found, part):
            try:
                importlib.import_module(module)
            except ModuleNotFoundError:
                return False
        found = getattr(found, part)
    return True


def prose(text: str) -> str:
    """A page without code, headings, pictures, comments and what is made between two of them."""
    text = re.sub(r"<!-- (\w+): .*?<!-- end of \1 -->", "", text, flags=re.S)
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    text = re.sub(r"^(?: {4,}(?!- )|#).*$|<!--.*?-->|!\[[^\]]*\]\([^)]*\)", "", text, flags=re.M)
    return re.sub(r"`[^`]*`", "", text)


def first_use(word: str, text: str) -> str:
    """The first link or bare place that has a word; links to elsewhere don't count."""
    # A contribution gap is a gap.
    pattern = rf"\b{word}s?\b(?!-)(?! gap)"
    for found in re.finditer(rf"\[([^\]]*)\]\([^)]*\)|{pattern}", text, flags=re.I):
        own = found[1] is None or "concepts.md#" in found[0] or "](#" in found[0]
        if own and re.search(pattern, found[0].partition("](")[0], flags=re.I):
            return found[0]
    return ""
