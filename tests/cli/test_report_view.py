# SPDX-License-Identifier: Apache-2.0
"""`weft view --report`: the run's files, the viewer, and nothing else; links that open timelines."""

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft import report_view, view
from weft.failure import Failure

PLACE = "trace=boots/a%20b.pftrace&amp;from=1&amp;to=2&amp;tracks=client%207%2A"
PAGE = f'<p><a class="at" data-at="{PLACE}" href="#at-1">timeline</a> <a href="#at-1">plain</a></p>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "out"
    (out / "boots").mkdir(parents=True)
    (out / "report.html").write_text(PAGE)
    (out / "results.csv").write_text("name\r\n")
    (out / "boots" / "a b.pftrace").write_bytes(b"trace")
    (out / "boots" / "console.log").write_text("said")
    (out / "broken.weft").write_bytes(b"no capture")
    (out / "private.key").write_text("not for anybody")
    (tmp_path / "beside.log").write_text("not of this run")
    return out


@pytest.fixture
def address(folder: Path, tmp_path: Path) -> Iterator[str]:
    with report_view.make_server(folder / "report.html", tmp_path, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_link_to_a_place_opens_the_viewer_there(address: str) -> None:
    for path in ("/", "/report.html"):
        status, page = get(address + path)
        assert status == 200
        assert page == PAGE.replace(f'data-at="{PLACE}" href="#at-1"', f'href="/timeline?{PLACE}"')
    link = re.search(r'href="(/timeline[^"]*)"', page)
    assert link
    status, viewer = get(address + link[1].replace("&amp;", "&"))
    assert status == 200 and f">{address}/boots/a%20b.pftrace<" in viewer and "/place.js" in viewer
    assert get(address + "/boots/a%20b.pftrace") == (200, "trace")


def test_the_page_is_read_anew_each_time(address: str, folder: Path) -> None:
    (folder / "report.html").write_text("another")
    assert get(address + "/") == (200, "another")


def test_files_of_the_run_are_served_and_no_others(address: str) -> None:
    assert get(address + "/boots/console.log") == (200, "said")
    assert get(address + "/results.csv")[0] == 200
    for path in ("/private.key", "/../beside.log", "/%2e%2e/beside.log", "/boots", "/boots/../report.html",
                 "/timeline", "/timeline?trace=private.key", "/timeline?trace=../beside.log",
                 "/timeline?trace=/etc/passwd", "/converted/boots/console.log"):  # fmt: skip
        assert get(address + path)[0] == 404, path


def test_a_capture_that_cannot_be_converted_is_not_there(address: str, build: None) -> None:
    assert get(address + "/timeline?trace=broken.weft")[0] == 200
    assert get(address + "/converted/broken.weft")[0] == 404


def test_without_a_report_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no report .*report.html .*weft bench writes one"):
        report_view.make_server(tmp_path / "report.html", tmp_path, port=0)


def test_who_asks_for_both_is_told(weft) -> None:
    done = weft("view", "--report", "out/bench", "a.pftrace")
    assert done.returncode == 2 and "a report or a file, not both" in done.stderr
    done = weft("view", "--report", "out/bench", "--from", "1")
    assert done.returncode == 2 and "for a timeline, not for a report" in done.stderr
    assert view.HOST == "127.0.0.1"
