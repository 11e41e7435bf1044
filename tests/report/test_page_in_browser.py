"""``report.html`` as a browser shows it: on screens light and dark, on a phone, and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from armtune.report.glossary import WORDS
from armtune.report.headline import Tile
from armtune.report.page import write_report
from armtune.report.run import RunReport
from tests.browser import Browser, Tab

TRIALS = 48
VERDICT = "On test the winner has 81 %."
NAME = "<b>cat</b> &amp; <br>"
TABLE = "[...document.querySelectorAll('h2')].find(h => h.textContent === 'Trials').parentElement"
SHOWN = f"[...{TABLE}.querySelectorAll('tbody tr')].filter(row => row.offsetHeight > 0)"
NUMBERS = f"{SHOWN}.map(row => row.cells[0].textContent)"


@pytest.fixture
def address(make: Callable[..., RunReport], script: Any, tmp_path: Path) -> str:
    """Of the page of a sweep that has every figure."""
    states = ["COMPLETE", "COMPLETE", "PRUNED"]
    records = [script.record(n, states[n % 3], 3) for n in range(TRIALS)]
    records[5] = script.record(5, "FAIL", 1, reason="the training diverged")
    outcomes = {
        "counts": [[8, 10, 9], [0, 0, 3]],
        "confusion": [[8, 1], [2, 1]],
        "calibration": [[5, 0.6, 0.4], [7, 0.9, 1.0]],
    }
    tiles = [Tile(name, "81.0 % ± 3.0", "of trial 0") for name in ("accuracy", "a", "b", "gap")]
    report = make(
        records, verdict=(VERDICT, "Warning: a simpler model is as good."), tiles=tiles,
        judged={"target": {"names": [NAME, "dog"]}, "outcomes": outcomes}, notes=("x" * 200,),
    )  # fmt: skip
    path = tmp_path / "report.html"
    write_report([report], path)
    return path.as_uri()


def luminance(colour: str) -> float:
    """Of a colour as CSS gives it, from 0 to 255."""
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue


def test_it_opens_without_an_error_and_asks_nobody(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    figures = tab.value("document.querySelectorAll('.figure').length")
    assert figures > 8
    for k in range(figures):
        figure = f"document.querySelectorAll('.figure')[{k}]"
        tab.value(f"{figure}.scrollIntoView()")
        tab.until(f"{figure}.querySelector('.main-svg') !== null")
    assert tab.errors() == []
    assert {url.partition(":")[0] for url in tab.requests()} <= {"file", "data", "blob"}
    assert [url for url in tab.requests() if url.startswith("file:")] == [address]


def test_the_verdict_and_its_figures_stand_in_the_first_window(
    browser: Browser, address: str
) -> None:
    tab = browser.tab(1280, 720).open(address)
    top = "document.querySelector('{}').getBoundingClientRect().bottom"
    assert 0 < tab.value(top.format(".verdict")) < tab.value(top.format(".tiles")) < 720
    assert tab.value("document.querySelector('main p').textContent") == VERDICT


def test_contents_lead_to_what_they_name(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    entry = "[...document.querySelectorAll('nav button')].find(b => b.textContent === 'Trials')"
    tab.value(f"{entry}.click()")
    tab.until(f"Math.abs({TABLE}.querySelector('h2').getBoundingClientRect().top) < 100")


def test_trials_are_filtered_and_sorted(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    assert len(tab.value(NUMBERS)) == TRIALS
    typed = f"{TABLE}.querySelector('.filter')"
    tab.value(f"{typed}.value = 'pruned'; {typed}.dispatchEvent(new Event('input'))")
    assert tab.value(NUMBERS) == [str(n) for n in range(2, TRIALS, 3) if n != 5]
    tab.value(f"{typed}.value = ''; {typed}.dispatchEvent(new Event('input'))")
    for order in (range(TRIALS), range(TRIALS - 1, -1, -1)):
        tab.value(f"{TABLE}.querySelector('th').click()")
        assert tab.value(NUMBERS) == [str(n) for n in order]


def test_it_follows_the_systems_look(browser: Browser, address: str) -> None:
    tab = browser.tab(dark=True).open(address)
    tab.value("document.querySelector('.figure').scrollIntoView()")
    letters = "document.querySelector('.figure .xtitle')"
    tab.until(f"{letters} !== null")
    style = "getComputedStyle({}).{}"
    page, ink = style.format("document.body", "backgroundColor"), style.format(letters, "fill")
    for dark in (True, False):
        tab.look("screen", dark)
        tab.until(f"matchMedia('(prefers-color-scheme: dark)').matches === {str(dark).lower()}")
        assert (luminance(tab.value(page)) < 60) is dark
        bright = f"Number({ink}.match(/\\d+/)[0]) > 128"
        tab.until(f"({bright}) === {str(dark).lower()}")
        text = style.format("document.querySelector('.verdict')", "color")
        assert (luminance(tab.value(text)) > 128) is dark


def test_paper_has_every_trial(browser: Browser, address: str) -> None:
    tab = browser.tab(dark=True).open(address)
    typed = f"{TABLE}.querySelector('.filter')"
    tab.value(f"{typed}.value = 'pruned'; {typed}.dispatchEvent(new Event('input'))")
    tab.look("print", dark=True)
    assert len(tab.value(NUMBERS)) == TRIALS
    cut = "[...document.querySelectorAll('.wide')].filter(e => e.scrollHeight > e.clientHeight + 1)"
    assert tab.value(f"{cut}.length") == 0
    assert luminance(tab.value("getComputedStyle(document.body).backgroundColor")) > 240
    paper = tab.paper()
    assert paper.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", paper)) > 5
    drawn = "document.querySelectorAll('.figure .main-svg').length"
    assert tab.value(drawn) >= tab.value("document.querySelectorAll('.figure').length")


def test_a_phone_scrolls_one_way(browser: Browser, address: str) -> None:
    tab = browser.tab(360, 740).open(address)
    for _ in range(2):
        width = tab.value("document.documentElement.scrollWidth")
        assert width <= 360
        tab.value("document.querySelector('.figure').scrollIntoView()")
        tab.until("document.querySelector('.figure .main-svg') !== null")
    assert tab.value("document.querySelector('.figure .main-svg').clientWidth") <= 360


def test_names_stand_in_figures_as_they_are(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    heading = "h => h.textContent === 'What the winner takes for what'"
    figure = f"[...document.querySelectorAll('h2')].find({heading}).parentElement"
    tab.value(f"{figure}.scrollIntoView()")
    tab.until(f"{figure}.querySelector('.main-svg .ytick') !== null")
    ticks = tab.value(f"[...{figure}.querySelectorAll('.ytick')].map(tick => tick.textContent)")
    assert sorted(ticks) == [NAME, "dog"]


def test_several_runs_open_without_an_error(
    browser: Browser, make: Callable[..., RunReport], script: Any, tmp_path: Path
) -> None:
    records = [script.record(n, "COMPLETE", 3) for n in range(4)]
    write_report([make(records, "one"), make(records, "two")], tmp_path / "two.html")
    tab = browser.tab().open((tmp_path / "two.html").as_uri())
    tab.until("document.querySelector('.figure .main-svg') !== null")
    assert tab.errors() == []


WORD = "document.querySelector('.word')"
TIP = "document.querySelector('#meaning')"
INSIDE = (
    f"(r => r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight)"
    f"({TIP}.getBoundingClientRect())"
)


def pointed(tab: Tab, kind: str, x: float, y: float) -> None:
    button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
    tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)


def key(tab: Tab, name: str) -> None:
    code = {"Tab": 9, "Escape": 27}[name]
    for kind in ("rawKeyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key=name, windowsVirtualKeyCode=code)


def middle(tab: Tab, element: str) -> tuple[float, float]:
    tab.value(f"{element}.scrollIntoView({{block: 'center'}})")
    box = tab.value(f"(r => [r.left + r.width / 2, r.top + r.height / 2])"
                    f"({element}.getBoundingClientRect())")  # fmt: skip
    return box[0], box[1]


def test_words_are_explained_where_a_pointer_rests_on_them(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    words = tab.value("[...document.querySelectorAll('.word')].map(w => w.textContent)")
    assert len(words) > 3
    assert tab.value(f"{TIP}.hidden")
    for k in range(len(words)):
        pointed(tab, "mouseMoved", *middle(tab, f"document.querySelectorAll('.word')[{k}]"))
        tab.until(f"!{TIP}.hidden")
        assert tab.value(f"{TIP}.textContent") in WORDS.values()
        assert tab.value(INSIDE), words[k]
        pointed(tab, "mouseMoved", 1, 1)
        tab.until(f"{TIP}.hidden")


def test_words_are_explained_to_who_has_only_keys(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    tab.value(f"{WORD}.scrollIntoView(), {WORD}.focus()")
    first = tab.until(f"!{TIP}.hidden && {TIP}.textContent")
    assert first == WORDS[tab.value(f"{WORD}.textContent.toLowerCase().replace(/s$/, '')")]
    # What a screen reader says of it is there, too.
    said = f"document.getElementById({WORD}.getAttribute('aria-describedby')).textContent"
    assert tab.value(said) == first
    key(tab, "Escape")
    tab.until(f"{TIP}.hidden")
    for _ in range(20):
        key(tab, "Tab")
        if tab.value("document.activeElement.className") == "word":
            break
    assert tab.until(f"!{TIP}.hidden && {TIP}.textContent") in WORDS.values()
    assert tab.value(INSIDE)


def test_words_are_explained_by_a_tap(browser: Browser, address: str) -> None:
    tab = browser.tab(360, 740).open(address)
    tab.call("Emulation.setTouchEmulationEnabled", enabled=True)
    x, y = middle(tab, WORD)
    for at in ([{"x": x, "y": y}], []):
        kind = "touchStart" if at else "touchEnd"
        tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=at)
    tab.until(f"!{TIP}.hidden")
    assert tab.value(INSIDE)
    assert tab.value("document.documentElement.scrollWidth") <= 360
    tab.value("document.querySelector('h1').click()")
    tab.until(f"{TIP}.hidden")


def test_paper_has_no_tips(browser: Browser, address: str) -> None:
    tab = browser.tab().open(address)
    tab.value(f"{WORD}.focus()")
    tab.until(f"!{TIP}.hidden")
    tab.look("print")
    assert tab.value(f"getComputedStyle({TIP}).display") == "none"
