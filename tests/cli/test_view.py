# SPDX-License-Identifier: Apache-2.0
"""The viewer's server: what Perfetto's page may fetch, and nothing else."""

import argparse
import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft import view
from weft.failure import Failure


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "a.pftrace"
    path.write_bytes(bytes(range(256)) * 20000)
    return path


@pytest.fixture(params=[False, True], ids=["online", "offline"])
def address(trace: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with view.make_server(trace, offline=request.param, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_trace_is_served_whole_to_perfetto(address: str, trace: Path) -> None:
    with urllib.request.urlopen(address + "/trace.pftrace", timeout=20) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://ui.perfetto.dev"
        assert answer.read() == trace.read_bytes()


def test_the_browser_may_ask_before_it_fetches(address: str) -> None:
    request = urllib.request.Request(address + "/trace.pftrace", method="OPTIONS")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


def test_no_other_file_is_served(address: str) -> None:
    for path in ("/a.pftrace", "/../a.pftrace", "/%2e%2e/a.pftrace", "/package.json", "//etc/passwd"):
        assert status(address + path) == 404


def test_the_page_is_served_offline_only(address: str, request: pytest.FixtureRequest) -> None:
    offline = request.node.callspec.params["address"]
    assert status(address + "/") == (200 if offline else 404)
    assert status(address + "/frontend_bundle.js") == (200 if offline else 404)
    if offline:
        with urllib.request.urlopen(address + "/", timeout=20) as answer:
            assert f">{address}/trace.pftrace<" in answer.read().decode()
            assert "https:" not in answer.headers["Content-Security-Policy"]


def test_a_port_in_use_is_one_line(trace: Path) -> None:
    with view.make_server(trace, port=0) as first, pytest.raises(Failure, match="Address already in use"):
        view.make_server(trace, port=first.server_port)


@pytest.mark.parametrize("reachable, asked, offline", [
    (True, False, False), (False, False, True), (True, True, True)])
def test_the_offline_viewer_takes_over_where_perfetto_cannot_be_reached(
    trace: Path, monkeypatch: pytest.MonkeyPatch, reachable: bool, asked: bool, offline: bool
) -> None:
    def connect(*_: object) -> socket.socket:
        if not reachable:
            raise OSError("no route")
        return socket.socket()

    served: list[bool] = []
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(view, "_serve", lambda _source, _trace, offline, _: served.append(offline) or 0)
    arguments = argparse.Namespace(file=str(trace), offline=asked, screenshot=None, report=None,
                                   start=None, end=None, tracks=None)
    assert view.main(arguments) == 0 and served == [offline]


@pytest.mark.parametrize("offline, link", [
    (True, "http://127.0.0.1:9001/?from=5&to=7&tracks=CPU%20%3F%2Cserver%2A"),
    (False, "https://ui.perfetto.dev/#!/?url=http://127.0.0.1:9001/trace.pftrace&visStart=5&visEnd=7")])
def test_the_link_says_which_part_to_show(
    trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], offline: bool, link: str
) -> None:
    monkeypatch.setattr(view, "_online", lambda: not offline)
    monkeypatch.setattr(view, "make_server", lambda _trace, _offline: contextlib.nullcontext())
    monkeypatch.setattr(view, "serve_until_interrupted", lambda _server, what, address: print(what, address) or 0)
    arguments = argparse.Namespace(file=str(trace), offline=False, screenshot=None, report=None,
                                   start=5, end=7, tracks="CPU ?,server*")
    assert view.main(arguments) == 0
    assert capsys.readouterr().out == f"{trace} {link}\n"
