# SPDX-License-Identifier: Apache-2.0
"""The choice of the way to run: KVM only if a real boot succeeds in time, and never a hang."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from weft import accel
from weft.machine import UsageError

VERSION = '[ "$1" = --version ] && echo "QEMU emulator version 9.9" && exit 0\n'


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """qemu("exit 33") -> a QEMU that does this instead of booting, on a host with /dev/kvm."""
    device = tmp_path / "kvm"
    device.write_text("")
    monkeypatch.setattr(accel, "KVM_DEVICE", device)
    monkeypatch.setattr(accel, "PROBE_SECONDS", 0.5)

    def make(script: str) -> str:
        path = tmp_path / "qemu"
        path.write_text(f"#!/bin/sh\n{VERSION}{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_kvm_is_used_if_the_probe_powers_off(qemu: Callable[[str], str]) -> None:
    works = qemu("exit 33")
    assert accel.kvm_refusal(qemu=works) is None
    assert accel.resolve_accel("auto", qemu=works) == "kvm"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exec tail -f /dev/null", "timeout"),
        ("kill -ABRT $$", "SIGABRT"),
        ("echo failed to initialize kvm >&2; exit 1", "failed to initialize kvm"),
        ("exit 0", "reset"),
        ("exit 35", "failed"),
    ],
)
def test_whatever_else_the_probe_does_is_a_refusal(
    qemu: Callable[[str], str], script: str, words: str
) -> None:
    broken = qemu(script)
    began = time.monotonic()
    refusal = accel.kvm_refusal(qemu=broken)
    assert refusal is not None and words in refusal and "\n" not in refusal
    assert accel.resolve_accel("auto", qemu=broken) == "tcg"
    assert time.monotonic() - began < 10


def test_without_the_device_nothing_is_tried(
    qemu: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = qemu("exit 33")
    monkeypatch.setattr(accel, "KVM_DEVICE", Path("/nonexistent/kvm"))
    assert "cannot be opened" in str(accel.kvm_refusal(qemu=works))


def test_the_answer_is_remembered_for_this_qemu(qemu: Callable[[str], str], tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "accel.json"
    assert accel.resolve_accel("auto", cache, qemu=qemu("exit 33")) == "kvm"
    assert accel.resolve_accel("auto", cache, qemu=qemu("exit 1")) == "kvm"  # not asked again
    assert accel.resolve_accel("auto", cache, "qemu64", qemu=qemu("exit 1")) == "tcg"  # another question


def test_a_garbled_memory_is_no_answer(qemu: Callable[[str], str], tmp_path: Path) -> None:
    cache = tmp_path / "accel.json"
    for text in ("", "{}", "[]", "null", '{"key": 3}'):
        cache.write_text(text)
        assert accel.resolve_accel("auto", cache, qemu=qemu("exit 33")) == "kvm"


@pytest.mark.parametrize("name", ["tcg", "icount", "kvm"])
def test_a_choice_is_a_choice(name: str) -> None:
    assert accel.resolve_accel(name, qemu="never run") == name


def test_a_missing_qemu_is_said(qemu: Callable[[str], str]) -> None:
    with pytest.raises(UsageError, match="cannot run /nonexistent/qemu"):
        accel.resolve_accel("auto", qemu="/nonexistent/qemu")


def test_the_probe_of_this_host_ends(tmp_path: Path) -> None:
    """Whatever /dev/kvm is here: the answer comes, and in time."""
    began = time.monotonic()
    assert accel.resolve_accel("auto", tmp_path / "accel.json") in ("kvm", "tcg")
    assert time.monotonic() - began < accel.PROBE_SECONDS + 10
