"""The page in a real browser: every plot is drawn, nothing overflows, the console is silent."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.support.helpers import lacking
from tests.support.journals import journal, state
from tests.support.observations import wired
from tests.support.reports import launch, rich, run_report, with_text_everywhere

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage"
)
PAGE_LOAD_SECONDS = 60
WIDTHS = (390, 1400)
OPENED = "document.querySelectorAll('details').forEach(one => { one.open = true; });"
# What the page is like, as the browser lays it out.
MEASURE = """
const boxes = Array.from(document.querySelectorAll('svg.plot'), plot => {
  const box = plot.getBoundingClientRect();
  const texts = Array.from(plot.querySelectorAll('text'), text => {
    const one = text.getBoundingClientRect();
    return [text.textContent, one.left, one.right, one.height];
  });
  const drawn = Array.from(plot.querySelectorAll('rect, circle, path, line')).filter(shape => {
    const one = shape.getBoundingClientRect();
    return one.width + one.height > 0;
  });
  return {width: box.width, height: box.height, texts: texts, drawn: drawn.length};
});
return {
  plots: boxes,
  page: document.documentElement.scrollWidth,
  cells: Math.max(...Array.from(document.querySelectorAll('tbody th, tbody td'),
                                cell => cell.getBoundingClientRect().right)),
  background: getComputedStyle(document.body).backgroundColor,
  color: getComputedStyle(document.body).color,
  requests: performance.getEntriesByType('resource').length,
};
"""


def find_browser() -> tuple[str, str]:
    """Chromium and its driver."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        lacking("no Chromium with chromedriver here; on Debian: apt-get install chromium-driver")
    return browser, driver


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser of its own, with an empty profile."""
    program, driver = find_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_page_load_timeout(PAGE_LOAD_SECONDS)
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on one run with everything, and on several with very many startups."""
    made = {}
    many = [0.5 + index % 97 / 50 for index in range(2_000)]
    large = journal(before=state(launch(*many)), after=state(launch(*many, failed=300)))
    hostile = with_text_everywhere(rich(), "word" * 100)
    several = [rich(), large, hostile]
    for name, journals in (("one", [rich()]), ("several", several), ("wire", [wired()])):
        folder = tmp_path_factory.mktemp(name)
        done = run_report(folder, *journals, names="r.html")
        assert done.exit_code == 0, done.output
        made[name] = folder / "r.html"
    return made


def measure(
    browser: webdriver.Chrome, page: Path, width: int, scheme: str, script: str = ""
) -> dict[str, Any]:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    found: dict[str, Any] = browser.execute_script(script + MEASURE)
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("name", "plots"), [("one", 6), ("several", 16), ("wire", 17)])
def test_every_plot_is_drawn_and_nothing_overflows(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, plots: int, width: int
) -> None:
    found = measure(browser, pages[name], width, "light", OPENED)
    assert len(found["plots"]) == plots
    for plot in found["plots"]:
        assert plot["width"] > width * 0.6
        assert plot["height"] > 50
        assert plot["drawn"] > 5
        for text, left, right, height in plot["texts"]:
            assert left >= 0, text
            assert right <= width, text
            assert height >= 9, text
    assert found["page"] <= width
    if width < 640:
        assert found["cells"] <= width, "no column is hidden on a phone"


def test_it_follows_the_readers_light_or_dark(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    light = measure(browser, pages["one"], 1400, "light")
    dark = measure(browser, pages["one"], 1400, "dark")
    assert light["background"] == "rgb(255, 255, 255)"
    assert dark["background"] != light["background"]
    assert dark["color"] != light["color"]
    assert [plot["drawn"] for plot in dark["plots"]] == [plot["drawn"] for plot in light["plots"]]


def test_nothing_is_loaded_and_the_console_is_silent(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    for page in pages.values():
        assert measure(browser, page, 1400, "light")["requests"] == 0
    assert browser.get_log("browser") == []


def test_hostile_texts_run_nothing_and_load_nothing(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    text = "</title></style></svg><script>window.hit=1</script><img src=x onerror=window.hit=1>"
    data = rich()
    said = json.dumps(data).replace("no answer within 3 s", text.replace('"', "'"))
    data = json.loads(said)
    data["experiment"]["title"] = text
    data["chaosnetra"]["faults"][0]["name"] = text
    assert run_report(tmp_path, data, names="r.html").exit_code == 0
    found = measure(browser, tmp_path / "r.html", 400, "light")
    assert len(found["plots"]) == 6
    assert found["requests"] == 0
    assert browser.execute_script("return [window.hit, document.images.length]") == [None, 0]
    assert text in browser.execute_script("return document.body.textContent")
    assert browser.get_log("browser") == []
