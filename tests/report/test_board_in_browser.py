"""TensorBoard of a sweep of more trials than it ticks: ``armtune board``'s links show something."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from armtune.report.board import MOST_TICKED
from armtune.report.tensorboard import TensorBoardListener
from tests.browser import Browser
from tests.report.test_servers import served

TRIALS = 45
# Much of TensorBoard lies in shadow trees.
DEEP = """(() => {
  const deep = (root, wanted) => [...root.querySelectorAll(wanted),
    ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot).flatMap(
      e => deep(e.shadowRoot, wanted))];
  const drawn = path => (path.getAttribute('d') || '').length > 20;
  const says = text => deep(document, '*').some(
    e => !e.children.length && e.textContent.trim() === text);
  return EXPRESSION;
})()"""
LINES = "deep(document, 'path.line').filter(drawn).length >= 2"
SHOWS = {
    "curves of winner, trial 0 and front": LINES,
    "modalities over each other": LINES,
    "pictures": "deep(document, 'img').filter(picture => picture.naturalWidth > 300).length >= 2",
    "texts": "deep(document, 'p').some(p => p.textContent.includes('Data used: toy clouds'))",
    "a row a trial": "says('state') && says('contribution_gap') && says('trials/0000')",
}


@pytest.fixture(scope="module")
def views(
    toy_run: Path, script: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Addresses that ``armtune board`` prints, by what they show."""
    folder = shutil.copytree(toy_run, tmp_path_factory.mktemp("runs") / "toy")
    listener = TensorBoardListener()
    script.start(listener, folder)
    records = [script.play(listener, n, "COMPLETE") for n in range(TRIALS)]
    listener.sweep_ended(records, [0, 1])
    verb = "from armtune.cli import main; main()"
    with served(sys.executable, "-u", "-c", verb, "board", str(folder), "--port", "0") as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(1 + len(SHOWS))]
        found = (re.fullmatch(r"(?:  )?(.+?): (http\S+).*\n", line) for line in lines)
        yield {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("what", SHOWS)
def test_a_link_shows_something(browser: Browser, views: dict[str, str], what: str) -> None:
    assert TRIALS > MOST_TICKED
    tab = browser.tab(1400, 900).open(views[what])
    tab.until(DEEP.replace("EXPRESSION", SHOWS[what]))
    assert tab.errors() == []


def test_the_first_view_is_not_empty(browser: Browser, views: dict[str, str]) -> None:
    tab = browser.tab(1400, 900).open(views["TensorBoard"])
    tab.until(DEEP.replace("EXPRESSION", "deep(document, 'scalar-card').length > 0"))
    tab.until(DEEP.replace("EXPRESSION", "says('trials/0000')"))


def test_pictures_can_be_read_as_they_are_shown(browser: Browser, views: dict[str, str]) -> None:
    tab = browser.tab(1400, 900).open(views["pictures"])
    tab.until(DEEP.replace("EXPRESSION", SHOWS["pictures"]))
    shown = "deep(document, 'img').map(picture => [picture.naturalWidth, picture.clientWidth])"
    large = [size for size in tab.value(DEEP.replace("EXPRESSION", shown)) if size[0] > 300]
    letters = 8 / 72 * 220  # of 8 points at 220 dots per inch
    assert all(letters * width / natural >= 9 for natural, width in large)
