"""The page of `triangle report` in a real browser: Chromium, without a window. Skipped where there is none."""

import json
import re
import shutil
import time
from itertools import pairwise

import pandas as pd
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
]
SECONDS = 60


class Page:
    """What a reader does with the page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, dark=False):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        self.driver.get(path.as_uri())
        self.until("document.documentElement.dataset.ready")
        return self

    def ask(self, expression):
        """The value of an expression of the page's script."""
        return self.driver.execute_script(f"return {expression}")

    def until(self, expression):
        end = time.monotonic() + SECONDS
        while not self.ask(expression):
            assert time.monotonic() < end, expression
            time.sleep(0.05)

    def element(self, selector):
        return self.driver.find_element("css selector", selector)

    def texts(self, selector):
        return self.ask(f"[...document.querySelectorAll('{selector}')].map((e) => e.textContent)")

    def filter(self, words, left):
        from selenium.webdriver.common.keys import Keys

        self.element("#filter").send_keys(Keys.CONTROL + "a" + Keys.NULL, Keys.DELETE, words)
        self.until(f"document.getElementById('count').textContent.startsWith('{left} of')")

    @property
    def errors(self):
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("Chromium and its driver are not installed (make test-browser)")
    webdriver = pytest.importorskip("selenium.webdriver")
    pytest.importorskip("plotly")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in OPTIONS:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield Page(driver)
    driver.quit()


@pytest.fixture(scope="module")
def path(swept, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    done = swept("report", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def page(browser, path):
    return browser.open(path)


def test_it_opens_without_a_line_on_the_console_and_without_network(page):
    assert page.errors == []
    assert page.ask("performance.getEntriesByType('resource').length") == 0
    drawn = ["errors-plot", "loss-plot", "regions-plot", "fit-plot"]
    assert [page.ask(f"document.querySelectorAll('#{name} .main-svg').length > 0") for name in drawn] == [
        True
    ] * 4
    assert page.texts("#what dd")[:2] == ["x², x³", "2, 3"]
    command = page.texts("#what pre")[0].strip()
    assert command.startswith("triangle run -m function=x2,x3 depth=2,3 restarts=2 schedule=peaks_only")


def test_the_table_is_filtered_and_sorted(page):
    assert page.texts("#count") == ["4 of 4 runs"]
    page.filter("x³ depth>=3", 1)
    assert page.texts("#table tbody tr th") == ["x³"]
    assert page.ask("seen['errors-plot'][0].x") == [3]  # the figures show what is left
    page.filter("", 4)
    heading = page.element("#table thead th:nth-child(3) button")
    assert heading.text.startswith("least MSE")
    for sign, order in ((1, "ascending"), (-1, "descending")):
        heading.click()
        found = [float(text) for text in page.texts("#table tbody tr td:nth-child(3)")]
        assert found == sorted(found, reverse=sign < 0)
        assert page.element("#table thead th:nth-child(3)").get_attribute("aria-sort") == order


def test_hovering_tells_piece_slope_and_error(page):
    page.filter("x² depth=3", 1)
    page.element("#table tbody button").click()
    page.until("document.getElementById('fit-caption').textContent.startsWith('x²')")
    assert page.ask("seen['fit-plot'][1].x.length") == 8 * 17  # 2^3 pieces, each with its ends
    area = "document.querySelector('#fit-plot .nsewdrag').getBoundingClientRect()"
    page.driver.execute_script("document.getElementById('fit-plot').scrollIntoView()")
    left, top, width, height = (page.ask(f"{area}.{side}") for side in ("left", "top", "width", "height"))
    for share in (0.3, 0.5, 0.51):
        where = {"type": "mouseMoved", "x": left + share * width, "y": top + 0.5 * height}
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", where)
        time.sleep(0.2)
    page.until("document.querySelectorAll('#fit-plot .hovertext').length")
    told = " ".join(page.texts("#fit-plot .hovertext"))
    assert re.search(r"piece \d of 8.*slope [\d.e-]+.*error here [-\d.e]+, at most [\d.e-]+", told), told


def test_pieces_are_those_of_the_network_and_can_be_stepped_through(page, swept):
    page.filter("x³ depth=3", 1)
    page.element("#table tbody button").click()
    page.until("document.getElementById('fit-caption').textContent.startsWith('x³')")
    page.element("#next").click()
    (run,) = (swept.folder / "outputs" / "x3").glob("d3-*")
    record = json.loads((run / "run.json").read_text())
    assert page.ask("state.piece") == 0
    said = page.texts("#piece")[0]
    found = re.match(r"piece 1 of (\d+): x from 0 to ([\d.]+), slope ([-\d.e]+), largest error", said)
    assert found, said
    assert int(found[1]) == record["best"]["linear_regions"]
    page.element("#previous").click()
    assert page.texts("#piece")[0].startswith(f"piece {found[1]} of {found[1]}: ")
    left, right = page.ask("document.getElementById('fit-plot').layout.xaxis.range")
    assert 0.5 < left < right < 1.2
    page.element("#worst").click()
    largest = page.ask("Math.max(...fitOf(state.run).largest)")
    errors = pd.read_csv(run / "errors.csv")
    best = errors[
        (errors["restart"] == record["best"]["restart"]) & (errors["stage"] == record["best"]["stage"])
    ]
    assert largest == pytest.approx(best["max_error"].iloc[0], rel=0.05)
    page.element("#pieces-details summary").click()
    page.until(f"document.querySelectorAll('#pieces tbody tr').length === {found[1]}")


def test_it_is_used_by_keyboard_and_named_for_those_who_listen(page):
    unnamed = """[...document.querySelectorAll('input, select, button, [role=img], [role=region]')].filter((e) => {
        if (e.closest('.modebar')) return false;
        const by = (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id));
        const name = (e.labels && e.labels.length && e.labels[0].textContent) || e.getAttribute('aria-label')
            || by.filter(Boolean).map((b) => b.textContent).join('') || e.textContent;
        return !name.trim(); }).map((e) => e.outerHTML)"""
    assert page.ask(unnamed) == []
    order = page.ask("[...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))")
    assert order[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(order))
    from selenium.webdriver.common.keys import Keys

    page.element("#table thead th button").send_keys(Keys.ENTER)
    assert page.element("#table thead th").get_attribute("aria-sort") == "ascending"
    page.element("#whole").send_keys(Keys.SPACE)
    assert page.errors == []


CONTRAST = """(() => {
  const luminance = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  return ['body', '.small', 'a', 'figcaption', 'button'].map((s) => {
    const ink = luminance(getComputedStyle(document.querySelector(s)).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); }); })()"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_by_day_and_by_night(browser, path, dark):
    page = browser.open(path, dark)
    assert min(page.ask(CONTRAST)) >= 4.5  # WCAG 2.2, AA
    assert (page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)") is not dark
    assert page.ask("document.getElementById('fit-plot').layout.paper_bgcolor") == (
        "#16181b" if dark else "#fff"
    )


def test_it_prints(page):
    import base64

    printed = base64.b64decode(
        page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"]
    )
    assert printed.startswith(b"%PDF")
    assert (
        1
        < printed.count(b"/Type /Page\n") + printed.count(b"/Type/Page/") + printed.count(b"/Type /Page ")
        < 12
    )


HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
HOSTILE += " <b>x</b> ]]> \u2028"


def test_what_users_wrote_stays_text(browser, swept, tmp_path):
    """In names, in words that were typed, in titles: of the page, of its table, of what plotly draws."""
    copied = tmp_path / "outputs"
    shutil.copytree(swept.folder / "outputs", copied)
    for path in copied.glob("x2/*/run.json"):
        record = json.loads(path.read_text())
        record["settings"]["init"]["name"] = HOSTILE
        record["settings"]["schedule"]["name"] = "<a href='javascript:1'>s</a>"
        record["overrides"].append(f"init={HOSTILE}")
        record["device"] = record["git_commit"] = HOSTILE
        path.write_text(json.dumps(record))
    out = tmp_path / "report.html"
    done = swept("report", "--outputs", str(copied), "--title", HOSTILE, "--out", str(out))
    assert done.returncode == 0, done.stderr
    page = browser.open(out)
    assert page.ask("document.title").startswith("</script><script>")
    assert page.ask("document.querySelectorAll('img[src=x], main b, .js-plotly-plot a[href]').length") == 0
    assert page.errors == []
    page.filter("javascript", 2)
    assert page.errors == []
