"""Draws armtune's packages from their own imports, for ``architecture.md``.

``just generate`` runs it: it writes ``packages.svg`` and the table between the page's markers. It
reads the source as text and imports none of it; what stands under ``TYPE_CHECKING`` doesn't count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent / "armtune"
PAGE, PICTURE = DOCS / "architecture.md", DOCS / "packages.svg"
BEGIN, END = "<!-- packages: made by package_graph.py -->", "<!-- end of packages -->"

Graph = dict[str, set[str]]
"""What each place imports."""
Edge = tuple[str, str]
Rows = list[list[str]]
"""What is drawn beside each other, the lowest floor first."""

HEIGHT, FLOOR, GAP, MARGIN = 26, 62, 18, 20
LETTER = 7.6
"""Width of a letter, roughly."""
ROUNDS = 24
"""Times that the boxes are moved towards their neighbours."""


def sources() -> dict[str, Path]:
    """Every module of armtune by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements that run, in the order of the text."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from (other, *statements(other))
        else:
            yield from (node, *statements(node))


def imported(path: Path, known: Mapping[str, Path]) -> set[str]:
    """The modules of armtune that a file imports."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inner}
    return found & known.keys()


def package_of(path: Path) -> str:
    """Where a file lies: its folder below ``armtune/``, or its own name at the root."""
    place = path.relative_to(ROOT)
    return place.parent.as_posix() if len(place.parts) > 1 else place.stem


@cache
def packages() -> Graph:
    """What each package and each module at the root imports, without ``armtune/__init__.py``."""
    known = sources()
    graph: Graph = {}
    for path in known.values():
        place = package_of(path)
        others = {package_of(known[name]) for name in imported(path, known)}
        graph.setdefault(place, set()).update(others - {place, "__init__"})
    return {place: others for place, others in graph.items() if not place.startswith("__")}


def rooms() -> Graph:
    """The same, a package's inner ones taken as part of it."""
    graph: Graph = {}
    for place, others in packages().items():
        room = place.partition("/")[0]
        outer = {other.partition("/")[0] for other in others}
        graph.setdefault(room, set()).update(outer - {room})
    return graph


def floors(graph: Graph) -> dict[str, int]:
    """The longest way down from each place, in imports.

    Raises:
        ValueError: some places import each other in a circle.
    """
    found: dict[str, int] = {}
    while len(found) < len(graph):
        ready = {p for p, others in graph.items() if p not in found and others <= found.keys()}
        if not ready:
            raise ValueError(f"import each other: {', '.join(sorted(graph.keys() - found.keys()))}")
        found |= {p: max((found[o] + 1 for o in graph[p]), default=0) for p in sorted(ready)}
    return found


def reduced(graph: Graph) -> list[Edge]:
    """The imports that no longer way leads to as well."""
    below = {place: set(others) for place, others in graph.items()}
    for place in sorted(graph, key=floors(graph).__getitem__):
        below[place].update(*(below[other] for other in graph[place]))
    return [
        (place, other)
        for place in sorted(graph)
        for other in sorted(graph[place])
        if not any(other in below[between] for between in graph[place])
    ]


def drawing(graph: Graph) -> str:
    """The graph as SVG: whatever imports stands above what it imports."""
    rows, ways = _with_corners(graph)
    xs = _placed(rows, [edge for way in ways for edge in pairwise(way)])
    floor = {name: number for number, row in enumerate(rows) for name in row}
    width = max(xs[n] + _width(n) / 2 for n in floor) + MARGIN
    height = len(rows) * FLOOR + MARGIN
    at = {n: (round(xs[n]), height - MARGIN - FLOOR * f - HEIGHT // 2) for n, f in floor.items()}
    lines = [_line([at[name] for name in way]) for way in ways]
    boxes = [_box(name, *at[name]) for name in sorted(graph)]
    return "\n".join([_head(round(width), height), *lines, *boxes, "</svg>\n"])


def _with_corners(graph: Graph) -> tuple[Rows, list[list[str]]]:
    """What stands on each floor, and each edge's way, with a corner on every floor it passes."""
    floor = floors(graph)
    rows: Rows = [[] for _ in range(max(floor.values()) + 1)]
    for place in sorted(floor):
        rows[floor[place]].append(place)
    ways = []
    for upper, lower in reduced(graph):
        passed = range(floor[upper] - 1, floor[lower], -1)
        corners = [f"{upper}>{lower}@{number}" for number in passed]
        for number, corner in zip(passed, corners, strict=True):
            rows[number].append(corner)
        ways.append([upper, *corners, lower])
    return rows, ways


def _placed(rows: Rows, edges: list[Edge]) -> dict[str, float]:
    """The middle of everything, moved towards its neighbours above and below in turn."""
    beside: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for upper, lower in edges:
        beside[upper].append(lower)
        beside[lower].append(upper)
    xs = {name: 100.0 * k for row in rows for k, name in enumerate(row)}
    for turn in range(ROUNDS):
        for row in rows if turn % 2 else reversed(rows):
            wanted = {n: sum(xs[b] for b in beside[n]) / max(len(beside[n]), 1) for n in row}
            row.sort(key=lambda name: (wanted[name], name))
            xs |= _apart(row, wanted)
    left = min(xs[name] - _width(name) / 2 for name in xs)
    return {name: x - left + MARGIN for name, x in xs.items()}


def _apart(row: list[str], wanted: Mapping[str, float]) -> dict[str, float]:
    """Places near those wanted, in a row's order, that leave room for each box."""
    right, left = [wanted[row[0]]], [wanted[row[-1]]]
    for before, name in pairwise(row):
        right.append(max(wanted[name], right[-1] + _step(before, name)))
    for after, name in pairwise(reversed(row)):
        left.append(min(wanted[name], left[-1] - _step(after, name)))
    return {n: (a + b) / 2 for n, a, b in zip(row, right, reversed(left), strict=True)}


def _step(one: str, other: str) -> float:
    return (_width(one) + _width(other)) / 2 + GAP


def _width(name: str) -> float:
    """Of a box; a line's corner has none."""
    return 0 if ">" in name else LETTER * len(name) + 18


def _line(points: list[tuple[int, int]]) -> str:
    (x, y), *others = points
    path, half = [f"M{x},{y}"], FLOOR // 2
    for i, j in others:
        path.append(f"C{x},{y + half} {i},{j - half} {i},{j}")
        x, y = i, j
    return f'<path d="{" ".join(path)}"/>'


def _box(name: str, x: int, y: int) -> str:
    wide = round(_width(name))
    corner = f'x="{x - wide // 2}" y="{y - HEIGHT // 2}" width="{wide}" height="{HEIGHT}"'
    return f'<rect {corner} rx="5"/><text x="{x}" y="{y + 5}">{escape(name)}</text>'


def _head(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">\n'
        "<title>The packages of armtune; each imports from those below it</title>\n"
        "<style>path{fill:none;stroke:#8a94a6;stroke-width:1.3}"
        "rect{fill:#eef2fb;stroke:#4a5a7a}"
        "text{font:13px sans-serif;text-anchor:middle;fill:#1b2333}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" style="fill:#fff;stroke:none"/>'
    )


def table() -> str:
    """Every package with its purpose, by its docstring's first line, and what it imports."""
    graph, floor = packages(), floors(rooms())
    order = sorted(graph, key=lambda place: (floor[place.partition("/")[0]], place))
    lines = ["| package | what it is for | imports |", "|---|---|---|"]
    for place in order:
        others = ", ".join(f"`{other}`" for other in sorted(graph[place])) or "nothing"
        lines.append(f"| `{_shown(place)}` | {_purpose(place)} | {others} |")
    return "\n".join(lines)


def _shown(place: str) -> str:
    return f"{place}/" if (ROOT / place).is_dir() else f"{place}.py"


def _purpose(place: str) -> str:
    """A docstring's first paragraph's first line, as Markdown."""
    path = ROOT / place / "__init__.py" if (ROOT / place).is_dir() else ROOT / f"{place}.py"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0].replace("``", "`").replace("|", "\\|").rstrip(".")


def page(text: str) -> str:
    """The page with the table as it is now between the markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PICTURE.write_text(drawing(rooms()), encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
