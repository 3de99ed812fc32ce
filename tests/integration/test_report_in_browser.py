"""The report's page in headless Chromium: drawn without the network, on a desk and on a phone, by day and by night."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_lake.report.contents import Count
from event_lake.report.page import render_page
from support.chromium import Page, a_page
from support.weekly_reports import HOSTILE, a_report

PICTURES = Path("artifacts/report")
DESK, PHONE = (1280, 900), (390, 844)
# Vega draws after layout, which follows a change of the window's size.
DRAWN = """new Promise((done) => {
  const unfinished = () => [...document.querySelectorAll(".drawing")].filter((drawing) => {
    const svg = drawing.querySelector("svg");
    return !svg || svg.clientWidth < 200 || svg.clientWidth > drawing.clientWidth || !svg.querySelector("path[d]");
  });
  const look = (left) => {
    const count = unfinished().length;
    return count && left ? requestAnimationFrame(() => look(left - 1)) : done(count);
  };
  requestAnimationFrame(() => look(300));
})"""
PLOTS = "document.querySelectorAll('.drawing').length"
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
FIRST_BAR = "document.querySelector('.drawing .mark-rect path').getAttribute('aria-label')"
# Of the first bar of the first plot, and of the page: what a person sees, variables resolved.
COLOURS = """[...document.querySelectorAll(".drawing .mark-rect path")].slice(0, 1).map((bar) =>
  [getComputedStyle(bar).fill, getComputedStyle(document.body).backgroundColor])[0]"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium isn't installed (Debian's package chromium)")
    with a_page(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render_page(a_report()), "utf-8")
    return file


@pytest.fixture
def week(browser: Page, file: Path) -> Page:
    browser.show(*DESK)
    browser.be_in("UTC")
    browser.open(file)
    return browser


@pytest.mark.parametrize("size", [DESK, PHONE, (360, 740)])
@pytest.mark.parametrize("dark", [False, True])
def test_every_plot_is_drawn_and_nothing_overflows(week: Page, size, dark) -> None:
    week.show(*size, dark=dark)
    assert week.value(DRAWN) == 0
    assert week.value(PLOTS) == 10
    assert week.value(TOO_WIDE) <= 0


def test_the_page_asks_for_nothing_and_complains_of_nothing(week: Page) -> None:
    assert week.value(DRAWN) == 0
    assert [url.rsplit("/", 1)[-1] for url in week.requested] == ["report.html"]
    assert week.complaints == []


def test_plots_follow_the_page_into_dark_mode_while_it_is_open(week: Page) -> None:
    week.show(*DESK)
    light = week.value(COLOURS)
    week.show(*DESK, dark=True)
    dark = week.value(COLOURS)
    assert light == ["rgb(43, 108, 212)", "rgb(246, 247, 249)"]
    assert dark == ["rgb(110, 166, 255)", "rgb(15, 21, 28)"]


def test_times_are_utc_wherever_they_are_read(browser: Page, file: Path) -> None:
    browser.show(*DESK)
    browser.be_in("Asia/Tokyo")
    browser.open(file)
    assert browser.value(DRAWN) == 0
    assert browser.value("new Date(0).getHours()") == 9
    assert "from: 14 Nov 22:00" in browser.value(FIRST_BAR)


def test_pictures_are_saved_for_a_person_to_look_at(week: Page) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, size in (("desk", DESK), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            week.show(*size, dark=scheme == "dark")
            assert week.value(DRAWN) == 0
            week.save_picture(PICTURES / f"{name}-{scheme}.png")
    print(f"pictures of the report: {PICTURES.resolve()}")


def test_a_name_that_tries_to_run_is_only_text(browser: Page, tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    file.write_text(render_page(a_report(lake=HOSTILE, conflicts=[Count(HOSTILE, 3)])), "utf-8")
    browser.show(*DESK)
    browser.open(file)
    assert browser.value(DRAWN) == 0
    assert browser.value("document.title").startswith("Event Lake · ")
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []
