# SPDX-License-Identifier: Apache-2.0
"""The data behind `weft bench`: the catalogue of benchmarks, the suites, and the peers.

    catalogue = Catalogue.load(bench_root)          # bench/catalogue/*.toml, bench/linux/benchmarks.toml,
                                                    # bench/reference/peers.toml
    suite = Suite.load(bench_root, "default")       # bench/suites/default.toml
    suite.wanted(catalogue, cpus=4, trace=True)     # the benchmarks that it selects, by name or beginning

Every figure's words (title, question, what is timed and what is not) come from the catalogue, so
the console table, the report and the documentation cannot contradict each other. Whatever a file
lacks or misspells is a BenchError that names the file and the key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.bench.errors import BenchError
from weft.machine_config import UsageError, parse_size
from weft.variants import DESIGN

SHAPES = ("operation", "round trip", "one way")
MODES = ("icount", "tcg", "kvm")
FILESYSTEMS = ("", "ext4")
SECTIONS = {  # of a suite, with the keys of each; None: any, or checked where they are used
    "suite": {"name", "title", "select", "modes", "cpus", "memory", "timeout_seconds", "runs", "parts", "disk",
              "image", "net"},
    "trace": {"total", "on", "stream", "cost"},
    "baseline": {"linux", "always", "filesystem"},
    "guest": None, "variant": None, "grid": None, "part": None, "tools": None,
}  # fmt: skip


@dataclass(frozen=True)
class Benchmark:
    """What one name means."""

    name: str
    timed: str  # which interval the figure covers
    title: str = ""  # for people; empty: the name
    short: str = ""  # what happens, in a few words
    group: str = ""  # where tables put it; empty: the name's first word
    shape: str = "operation"  # or "round trip", "one way"
    scope: str = "one CPU"  # whose work an icount figure contains, or "all CPUs"
    question: str = ""
    excludes: str = ""  # what the figure does not contain
    peers: tuple[str, ...] = ()  # rows of bench/reference/peers.toml, best comparison first
    matrix: bool = False  # made for every pair of CPUs
    needs_cpus: int = 0  # how many there must be; 0: two where the scope is all CPUs
    outside: bool = False  # what it waits for is done by the host: figures of icount boots need not be the same
    needs_trace: bool = False  # is there with tracing compiled in only
    against: tuple[str, ...] = ()  # of another system: our benchmarks that it stands beside
    contender: bool = False  # one of those from which the best is taken

    @property
    def foreign(self) -> bool:
        """Is it one of another system?"""
        return bool(self.against)

    def __post_init__(self) -> None:
        for key, otherwise in (
            ("title", self.name),
            ("group", self.name.partition(".")[0]),
            ("needs_cpus", 2 if self.scope == "all CPUs" else 1),
        ):
            if not getattr(self, key):
                object.__setattr__(self, key, otherwise)


@dataclass(frozen=True)
class Peer:
    """One fact about another system, in guest instructions of the icount mode."""

    key: str
    system: str
    operation: str
    value: int
    source: str


@dataclass(frozen=True)
class NativeFigure:
    """A published figure from a real machine: for scale, never compared by number."""

    system: str
    operation: str
    value: str
    source: str


@dataclass(frozen=True)
class Source:
    """Where facts about peers come from."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class Catalogue:
    """All benchmarks, in the order in which tables show them, and the peers they refer to."""

    benchmarks: dict[str, Benchmark]
    peers: dict[str, Peer]
    natives: tuple[NativeFigure, ...]
    sources: dict[str, Source]

    @staticmethod
    def load(bench_root: Path) -> Catalogue:
        """Reads them all."""
        peers_file = bench_root / "reference" / "peers.toml"
        benchmarks: dict[str, Benchmark] = {}
        for path in (*sorted((bench_root / "catalogue").glob("*.toml")), bench_root / "linux" / "benchmarks.toml"):
            _load_benchmarks(path, benchmarks)
        data = _read(peers_file)
        sources = {
            key: _build(Source, {"key": key, **entry}, peers_file)
            for key, entry in data.get("source", {}).items()
        }
        peers = {
            key: _build(Peer, {"key": key, **entry}, peers_file)
            for key, entry in data.get("peer", {}).items()
        }
        natives = tuple(_build(NativeFigure, entry, peers_file) for entry in data.get("native", []))
        catalogue = Catalogue(benchmarks, peers, natives, sources)
        catalogue._check_references(peers_file)
        return catalogue

    def baseline(self, wanted: Sequence[str], cpus: int) -> list[Benchmark]:
        """Those of Linux that stand beside any of `wanted` and can be measured with so many CPUs."""
        return [
            benchmark
            for benchmark in self.benchmarks.values()
            if set(benchmark.against) & set(wanted) and benchmark.needs_cpus <= cpus
        ]

    def _check_references(self, peers_file: Path) -> None:
        for benchmark in self.benchmarks.values():
            for name in benchmark.against:
                if name not in self.benchmarks:
                    raise BenchError(f"{benchmark.name} stands beside the unknown benchmark '{name}'")
            for key in benchmark.peers:
                if key not in self.peers:
                    raise BenchError(f"{benchmark.name} refers to the unknown peer '{key}'")
        owners: list[Peer | NativeFigure] = [*self.peers.values(), *self.natives]
        for owner in owners:
            if owner.source not in self.sources:
                raise BenchError(f"{peers_file}: {owner.system}: no source '{owner.source}'")

    def selected(self, word: str) -> list[Benchmark]:
        """Ours that have this name, or one that goes on from it after a dot."""
        return [
            benchmark
            for benchmark in self.benchmarks.values()
            if not benchmark.foreign and f"{benchmark.name}.".startswith(f"{word}.")
        ]

    def is_matrix(self, name: str) -> bool:
        """Is this benchmark made for every pair of CPUs?"""
        benchmark = self.benchmarks.get(name)
        return benchmark is not None and benchmark.matrix

    def peer_of(self, name: str, system: str) -> Peer | None:
        """The first peer of a benchmark that belongs to `system`."""
        benchmark = self.benchmarks.get(name)
        for key in benchmark.peers if benchmark else ():
            if self.peers[key].system == system:
                return self.peers[key]
        return None


@dataclass(frozen=True)
class Variant:
    """The same suite, or a share of it, under other words on the kernels' command lines, or with other CPUs."""

    name: str = ""
    weft: str = ""
    linux: str = ""
    cpus: int = 0  # 0: the suite's
    trace: bool = True  # with tracing compiled in, if the suite has it
    design: str = DESIGN  # of our kernel's cross-core path (docs/designs.md)
    without: str = ""  # features that the CPU model lacks here: "monitor", or several with commas
    select: tuple[str, ...] = ()  # of the suite's benchmarks, as there; empty: all
    modes: tuple[str, ...] = ()  # of the suite's modes; empty: all
    grid: tuple[tuple[str, Any], ...] = ()  # of a grid's point: its place (grid.py)

    @property
    def label(self) -> str:
        """For names of files."""
        words = [self.name, *(f"{key}-{value}" for key, value in self.grid)]
        return re.sub(r"[^\w-]", "_", "-".join(word for word in words if word))

    @property
    def params(self) -> dict[str, Any]:
        """What its figures say of it."""
        named = {"variant": self.name, "without": self.without}
        return {key: value for key, value in named.items() if value} | dict(self.grid)


@dataclass(frozen=True)
class Suite:
    """What to run, where, and with which parameters for the guest."""

    name: str
    title: str
    modes: tuple[str, ...]
    cpus: int
    memory: str
    timeout_seconds: int
    guest: dict[str, Any]
    trace_total: str  # for the rings of all CPUs
    select: tuple[str, ...] = ()  # benchmarks, by name or by its beginning up to a dot
    runs: int = 1  # repetitions, interleaved
    trace: bool = True  # with tracing compiled in
    stream: bool = False  # the capture is drained while the guest runs
    cost: bool = False  # every variant is captured, and they are compared (cost.py)
    disk: str = ""  # size of a fresh virtio-blk disk in each boot; empty: there is none
    filesystem: str = ""  # that is on it when Linux boots; empty: zeros
    net: bool = False  # there is a virtio-net device, and at its other end the peer (peer.py)
    image: str = "bench"  # the boot image of our own system
    variants: tuple[Variant, ...] = (Variant(),)
    linux: str = "mitigations=off"  # on the baseline's command line: the fastest Linux there is
    baseline: bool = False  # is compared with Linux without being asked
    grid: dict[str, Any] = field(default_factory=dict)  # lists of values: grid.py
    parts: tuple[str, ...] = ()  # other suites that it consists of: parts.py
    overrides: dict[str, Any] = field(default_factory=dict)  # what its parts get instead of their own
    tools: dict[str, Any] | None = None  # of a suite that boots nothing: what weft.bench.tools takes

    @staticmethod
    def names(bench_root: Path) -> list[str]:
        """All suites that exist."""
        return sorted(path.stem for path in (bench_root / "suites").glob("*.toml"))

    @staticmethod
    def load(bench_root: Path, name: str) -> Suite:
        """Reads bench/suites/<name>.toml."""
        path = bench_root / "suites" / f"{name}.toml"
        if not re.fullmatch(r"[a-z0-9_-]+", name) or not path.is_file():
            known = ", ".join(Suite.names(bench_root))
            raise BenchError(f"no suite '{name}' (there are: {known})")
        data = _read(path)
        _check_keys(data, path)
        head = data.get("suite", {})
        if "tools" in data or "parts" in head:
            head = {"cpus": 4, "memory": "0", "timeout_seconds": 0, **head}
            data = {"trace": {"total": "0"}, **data}
        values = {
            "name": head.get("name", name),
            "title": head.get("title"),
            "modes": tuple(head.get("modes", ())),
            "cpus": head.get("cpus"),
            "memory": head.get("memory"),
            "timeout_seconds": head.get("timeout_seconds"),
            "guest": data.get("guest", {}),
            "trace_total": data.get("trace", {}).get("total"),
            "select": tuple(head.get("select", ())),
            "runs": head.get("runs", 1),
            "trace": data.get("trace", {}).get("on", True),
            "stream": data.get("trace", {}).get("stream", False),
            "cost": data.get("trace", {}).get("cost", False),
            "disk": head.get("disk", ""),
            "filesystem": data.get("baseline", {}).get("filesystem", ""),
            "image": head.get("image", Suite.image),
            "net": head.get("net", False),
            "linux": data.get("baseline", {}).get("linux", Suite.linux),
            "baseline": data.get("baseline", {}).get("always", False),
            "grid": data.get("grid", {}),
            "parts": tuple(head.get("parts", ())),
            "overrides": data.get("part", {}),
            "tools": data.get("tools"),
            "variants": tuple(_build(Variant, entry, path) for entry in data.get("variant", [{}])),
        }
        for key, value in values.items():
            if value is None and key != "tools":
                raise BenchError(f"{path}: [suite] lacks '{key}'")
        for key in ("memory", "trace_total", "disk"):
            try:
                parse_size(values[key] or "0")
            except UsageError as error:
                raise BenchError(f"{path}: {key}: {error}") from error
        if values["filesystem"] not in FILESYSTEMS:
            raise BenchError(f"{path}: no such filesystem '{values['filesystem']}'")
        for mode in values["modes"]:
            if mode not in MODES:
                raise BenchError(f"{path}: no such mode '{mode}'")
        return Suite(**values)

    def ring_bytes(self, cpus: int) -> int:
        """Each CPU's ring: its share of the total, in whole pages, never less than 64 KiB."""
        return max(64 << 10, parse_size(self.trace_total) // cpus // 4096 * 4096)

    def selected(self, catalogue: Catalogue) -> list[Benchmark]:
        """Our benchmarks that it is about, in the order in which it selects them."""
        return list(_named(catalogue, self.select).values())

    def wanted(self, catalogue: Catalogue, cpus: int, trace: bool, variant: Variant = Variant()) -> list[str]:
        """The names that a run with so many CPUs, with or without tracing, must deliver."""
        chosen = _named(catalogue, variant.select)
        return [
            benchmark.name
            for benchmark in self.selected(catalogue)
            if benchmark.needs_cpus <= cpus
            and (trace or not benchmark.needs_trace)
            and (benchmark.name in chosen or not variant.select)
        ]


def _named(catalogue: Catalogue, words: Sequence[str]) -> dict[str, Benchmark]:
    """Our benchmarks that words select."""
    chosen: dict[str, Benchmark] = {}
    for word in words:
        found = catalogue.selected(word)
        if not found:
            raise BenchError(f"there is no benchmark '{word}' (./weft bench --list shows them)", code=2)
        chosen |= {benchmark.name: benchmark for benchmark in found}
    return chosen


def _check_keys(data: dict[str, Any], path: Path) -> None:
    """BenchError for a word that nobody reads, which might be a misspelt one."""
    for section, table in data.items():
        if section not in SECTIONS:
            raise BenchError(f"{path}: there is no [{section}] in a suite")
        known = SECTIONS[section]
        if known is not None and (not isinstance(table, dict) or set(table) - known):
            strange = sorted(set(table) - known)[0] if isinstance(table, dict) else section
            raise BenchError(f"{path}: there is no '{strange}' in [{section}] (there are: {', '.join(sorted(known))})")


def _load_benchmarks(path: Path, benchmarks: dict[str, Benchmark]) -> None:
    """Adds the benchmarks of a file."""
    for entry in _read(path).get("benchmark", []):
        benchmark = _build(Benchmark, entry, path)
        if benchmark.shape not in SHAPES:
            raise BenchError(f"{path}: {benchmark.name}: no such shape '{benchmark.shape}'")
        if benchmark.name in benchmarks:
            raise BenchError(f"{path}: {benchmark.name} stands there twice")
        benchmarks[benchmark.name] = benchmark


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: {error}") from error


def _build(kind: type, entry: dict[str, Any], path: Path) -> Any:
    """Makes the dataclass `kind` from a table: every key must be a field, every field be there."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    try:
        return kind(**values)
    except TypeError as error:
        problem = str(error).split("__init__() ")[-1]
        raise BenchError(
            f"{path}: {entry.get('name') or entry.get('key') or kind.__name__}: {problem}"
        ) from error
