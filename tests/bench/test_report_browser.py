# SPDX-License-Identifier: Apache-2.0
"""The report in a headless Chromium: everything is drawn, legible, and asked of nobody; links open timelines.

Pictures of what was looked at are left in out/test/report-*.png.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from report_data import CPUS, DESIGNS, MATRIX, course, everything
from weft import report_view
from weft.bench.catalogue import Catalogue
from weft.bench.command import BENCH_ROOT
from weft.bench.report import documents
from weft.browser import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
LOAD_SECONDS = 90
LOOKS = [(1280, False), (1280, True), (400, False), (400, True)]
CONTRAST = 4.5  # what WCAG wants of text

UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Texts of one picture that touch, by more than a pixel's rounding; and those that leave its panel.
TOUCHING = """
JSON.stringify([...document.querySelectorAll("svg.plot")].flatMap((plot) => {
    const found = [], panel = plot.closest(".panel").getBoundingClientRect();
    const boxes = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([words, a], index) => {
        if (a.left < panel.left || a.right > panel.right || a.bottom > panel.bottom)
            found.push(plot.querySelector("title").textContent + ": " + words + " leaves the panel");
        for (const [other, b] of boxes.slice(index + 1))
            if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1.5 && b.top < a.bottom - 1.5)
                found.push(plot.querySelector("title").textContent + ": " + words + " touches " + other);
    });
    return found;
}))
"""
# What is wider than the window, but for tables, which scroll by themselves.
WIDER = """
JSON.stringify([...document.body.querySelectorAll("*")].filter((one) =>
    one.getBoundingClientRect().right > window.innerWidth + 1 && !one.closest(".scroll table")).map((one) => one.outerHTML.slice(0, 80)))
"""
# The contrast of each text to what is behind it, by the formula of WCAG; heat maps' cells are mixed with their panel.
FAINT = """
(() => {
    const parse = (words) => { const [r, g, b, a] = words.match(/[\\d.]+/g).map(Number); return [r, g, b, a === undefined ? 1 : a]; };
    const mix = ([r, g, b, a], under) => [r, g, b].map((value, index) => a * value + (1 - a) * under[index]);
    const light = (rgb) => { const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const behind = (one) => { const chain = []; for (let at = one; at; at = at.parentElement) chain.unshift(at);
        let rgb = [255, 255, 255];
        for (const at of chain) if (!at.closest("svg") || at.tagName === "svg") rgb = mix(parse(getComputedStyle(at).backgroundColor), rgb);
        return rgb; };
    const found = new Map();
    for (const one of document.body.querySelectorAll("*")) {
        if (one.tagName === "title" || ![...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
        const style = getComputedStyle(one), drawn = one.closest("svg");
        let under = behind(one);
        if (one.classList.contains("cell-text")) {
            const cell = one.previousElementSibling, paint = getComputedStyle(cell);
            under = mix([...parse(paint.fill).slice(0, 3), Number(paint.fillOpacity)], under);
        }
        const [a, b] = [light(mix(parse(drawn ? style.fill : style.color), under)), light(under)];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < %f) found.set(one.className.baseVal ?? one.className, [one.textContent.slice(0, 40), contrast]);
    }
    return JSON.stringify([...found]);
})()
"""
TEXT_SIZES = """
Math.min(...[...document.querySelectorAll("svg.plot text")].map((text) =>
    Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b) * parseFloat(getComputedStyle(text).fontSize)))
"""


@pytest.fixture(scope="module")
def run(weft: Callable[..., Any], build: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real one, of both modes, with its timelines."""
    out = tmp_path_factory.mktemp("report")
    done = weft("bench", "--suite", "quick", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with everything in it."""
    out = tmp_path_factory.mktemp("everything")
    results, details = everything()
    for name, content in documents(results, details, Catalogue.load(BENCH_ROOT)).items():
        (out / name).write_text(content, newline="")
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(1280, 1000) as browser:
        yield browser


def opened(browser: Browser, address: str) -> Page:
    page = browser.open(address)
    page.arrive(address, LOAD_SECONDS)
    page.wait_for("document.readyState === 'complete'", LOAD_SECONDS)
    return page


def count(page: Page, selector: str) -> int:
    return int(page.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length"))


@pytest.mark.parametrize("which", ["run", "made_up"])
def test_the_file_asks_nobody_for_anything(browser: Browser, request: pytest.FixtureRequest, which: str) -> None:
    address = (request.getfixturevalue(which) / "report.html").as_uri()
    page = opened(browser, address)
    page.evaluate(UNFOLD)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.requests == [address]
    assert page.complaints == []


def test_every_picture_of_a_real_run_has_its_marks(browser: Browser, run: Path) -> None:
    page = opened(browser, (run / "report.html").as_uri())
    details = json.loads((run / "details.json").read_text())
    figures = [figure for detail in details["runs"] for figure in detail["figures"] if figure["name"] != "ipc.call.matrix"]
    spread = [figure for figure in figures if figure["min"] != figure["max"]]
    assert count(page, "svg.distribution") == len(spread) > 5
    assert count(page, "svg.distribution circle.dot") == 6 * len(spread)
    assert all(json.loads(page.evaluate(
        "JSON.stringify([...document.querySelectorAll('svg.distribution')].map((one) => one.querySelectorAll('g rect').length > 0))")))  # fmt: skip
    assert count(page, "svg.matrix") == 2 and count(page, "svg.matrix rect.cell") == 2 * 4 * 4
    assert count(page, "svg.course") == 2 and count(page, "svg.course .whole rect") >= 2 * 5
    assert count(page, "svg.bars rect.ours") >= 5
    assert count(page, "table a.at") == len(figures) + 0


def test_every_picture_of_everything_has_its_marks(browser: Browser, made_up: Path) -> None:
    page = opened(browser, (made_up / "report.html").as_uri())
    assert count(page, "#scaling svg.lines") == 2 * 2 + 3 * 5 * 4 // COMBINED
    designs = json.loads(page.evaluate("""
        JSON.stringify([...document.querySelectorAll("#scaling svg.lines")].slice(0, 4).map((plot) =>
            [[...plot.querySelectorAll("text.name")].map((name) => name.lastChild.textContent), plot.querySelectorAll("circle").length]))
    """))
    assert designs == [[list(DESIGNS), len(DESIGNS) * len(CPUS)]] * 4
    words = "[...document.querySelectorAll('#parameters svg.lines')].some((plot) => plot.textContent.includes('words'))"
    assert page.evaluate(words)
    assert count(page, "svg.matrix rect.cell") == MATRIX * MATRIX
    assert count(page, "svg.course .whole rect") == len(course())
    assert count(page, "svg.ratios") == 2 and count(page, "svg.ratios circle") == 2 * 3
    assert (made_up / "report.html").stat().st_size < 3_000_000


COMBINED = 5  # the grid's curves over CPUs: one for each policy and way to idle, its lines the numbers of samples


@pytest.mark.parametrize("which", ["run", "made_up"])
@pytest.mark.parametrize("width, dark", LOOKS)
def test_it_is_legible(browser: Browser, request: pytest.FixtureRequest, which: str, width: int, dark: bool) -> None:
    page = opened(browser, (request.getfixturevalue(which) / "report.html").as_uri())
    page.look(width, 1000, dark)
    folded = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(folded, 9000), "scale": 1}
    page.screenshot(ROOT / "out" / "test" / f"report-{which}-{width}-{'dark' if dark else 'light'}.png", clip)
    page.evaluate(UNFOLD)
    assert json.loads(page.evaluate(TOUCHING)) == []
    assert json.loads(page.evaluate(WIDER)) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert json.loads(page.evaluate(FAINT % CONTRAST)) == []
    assert page.evaluate(TEXT_SIZES) >= 9


@pytest.fixture(scope="module")
def served(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real run's report as `weft view --report` serves it."""
    with report_view.make_server(run / "report.html", tmp_path_factory.mktemp("scratch"), port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("mode", ["icount", "tcg"])
@pytest.mark.parametrize("words", ["timeline", "the slowest call"])
def test_a_link_opens_the_timeline_at_its_place(browser: Browser, run: Path, served: str, mode: str, words: str) -> None:
    page = opened(browser, served + "/")
    title = f"Call, cross core, {mode}"
    link = f"""[...document.querySelectorAll("#stages .panel")].find((one) => one.querySelector("h4").textContent === {json.dumps(title)})
        .querySelectorAll("a.at")"""
    page.evaluate(f"[...{link}].find((one) => one.textContent === {json.dumps(words)}).click()")
    page.arrive(f"{served}/timeline?", LOAD_SECONDS)
    page.wait_for("window.placed", LOAD_SECONDS)
    query = parse_qs(urlparse(page.evaluate("location.href")).query)
    start, end = (int(query[key][0]) for key in ("from", "to"))
    (detail,) = (one for one in json.loads((run / "details.json").read_text())["runs"] if one["accel"] == mode)
    figure = next(one for one in detail["figures"] if one["name"] == "ipc.call.cross_core")
    place = detail["places"][str(figure["params"]["thread"])]
    assert [start, end] == place["all" if words == "timeline" else "slowest"]
    shown = json.loads(page.evaluate("""JSON.stringify([globals.frontendLocalState.visibleWindowTime.start,
        globals.frontendLocalState.visibleWindowTime.end].map((at) => Math.round(at * 1e9)))"""))
    assert shown == pytest.approx([start, end], abs=2)
    pinned = json.loads(page.evaluate("JSON.stringify(globals.state.pinnedTracks.map((id) => trackLabel(globals.state.tracks[id])))"))
    assert any(label.startswith("ipc.call.cross_c") for label in pinned) and any(label.startswith("server") for label in pinned)
    assert page.complaints == []
    assert all(urlparse(address).hostname == "127.0.0.1" for address in page.requests if not address.startswith(("data:", "blob:")))
    page.wait_for("globals.numQueuedQueries === 0", LOAD_SECONDS)
    page.screenshot(ROOT / "out" / "test" / f"report-timeline-{mode}-{words.split()[-1]}.png")
