"""Takes the pictures of docs/report.md from a run's page: ``python -m docs.screenshots [RUN]``.

Needs Chromium, and the report of ``armtune sweep avmnist`` in runs/avmnist.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.browser import Tab, browsing

DOCS = Path(__file__).parent
SECTION = "[...document.querySelectorAll('h2')].find(h => h.textContent === '{}').parentElement"
TOP = "document.querySelector('.next')"
DRAWN = "{}.querySelector('.main-svg') !== null"


def main() -> None:
    """Writes them."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/avmnist")
    program = shutil.which("chromium")
    if program is None:
        sys.exit("there is no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile, browsing(program, Path(profile)) as browser:
        tab = browser.tab(1100, 900).open((run / "report.html").resolve().as_uri())
        bottom = tab.value(f"{TOP}.getBoundingClientRect().bottom")
        write(tab, "report_verdict", {"x": 0, "y": 0, "width": 1100, "height": bottom + 10})
        for name, title in {
            "report_contributions": "Contribution of each modality",
            "report_front": "Front",
        }.items():
            section = SECTION.format(title)
            tab.value(f"{section}.scrollIntoView()")
            tab.until(DRAWN.format(section))
            write(tab, name, tab.value(f"{section}.getBoundingClientRect().toJSON()"))


def write(tab: Tab, name: str, part: dict[str, float]) -> None:
    """Writes a part of what is seen."""
    tab.value("new Promise(done => setTimeout(done, 1000))")  # figures take on their colours
    clip = {key: part[key] for key in ("x", "width", "height")}
    clip["y"] = part["y"] + tab.value("scrollY")
    picture = tab.picture(format="webp", quality=85, clip={**clip, "scale": 1})
    (DOCS / f"{name}.webp").write_bytes(picture)


if __name__ == "__main__":
    main()
