# SPDX-License-Identifier: Apache-2.0
"""Every acquire has its release, by name.

Atomics that order something carry a tag in the comment beside or above them:

    /* [mailbox.push] release: the owner may read the node. Pairs with [mailbox.take]. */

Checked here: no ordered access stands without a tag; a tag that says `Pairs with [x]` names one that
exists and has the other direction; a tag that does not must itself have both directions somewhere.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("kernel", "smp", "ipc", "trace/kernel", "trace/host", "userspace/lib", "userspace/init",
         "userspace/servers")
# Where the accessors themselves are defined: their names are in every line.
ACCESSORS = ("smp/atomic.h", "userspace/lib/include/weft/atomic.h")

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TAG = re.compile(r"\[([a-z_]+\.[a-z_]+)\]")
DIRECTION = re.compile(r"\[([a-z_]+\.[a-z_]+)\] (acquire|release)( and (?:acquire|release))?")
PAIR = re.compile(r"Pairs with ((?:[^.\[]*\[[a-z_]+\.[a-z_]+\])+)")
ORDERED = re.compile(
    r"\b(?:weft_)?(?:load|store|exchange|compare_exchange(?:_weak)?|fetch_[a-z]+)(?:64)?"
    r"_(?:acquire|release|acq_rel)\("
    r"|__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL)\b|\bmemory_order_(?:acquire|release|acq_rel)\b"
)
LINES_ABOVE = 6  # how far above its access a tag's comment may begin


@dataclass
class Tag:
    """What all comments say about one tag."""

    directions: set[str] = field(default_factory=set)
    partners: set[str] = field(default_factory=set)
    places: list[str] = field(default_factory=list)


def sources(root: Path) -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".c", ".h"):
                yield path.relative_to(root).as_posix(), path.read_text()


def flat(comment: str) -> str:
    """A comment as one line of text."""
    return re.sub(r"\s*\n[ \t]*\*?\s*|\s+", " ", comment.replace("\\\n", "\n"))


def tags(texts: Iterator[tuple[str, str]]) -> dict[str, Tag]:
    found: dict[str, Tag] = defaultdict(Tag)
    for name, text in texts:
        for match in COMMENT.finditer(text):
            comment = flat(match[0])
            place = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
            partners = {tag for pair in PAIR.findall(comment) for tag in TAG.findall(pair)}
            for tag, first, second in DIRECTION.findall(comment):
                found[tag].directions |= {first, *second.split()} - {"and"}
                found[tag].partners |= partners - {tag}
                found[tag].places.append(place)
    return found


def unpaired(found: dict[str, Tag]) -> list[str]:
    """What is wrong with the tags, one line each."""
    wrong = []
    for name, tag in sorted(found.items()):
        for partner in sorted(tag.partners):
            if partner not in found:
                wrong.append(f"{tag.places[0]}: [{name}] pairs with [{partner}], which is nowhere")
            elif len(tag.directions | found[partner].directions) < 2:
                wrong.append(f"{tag.places[0]}: [{name}] and [{partner}] are both {tag.directions}")
        if not tag.partners and len(tag.directions) < 2:
            wrong.append(f"{tag.places[0]}: [{name}] is {tag.directions} only, and pairs with nothing")
    return wrong


def untagged(name: str, text: str) -> list[str]:
    """Ordered accesses without a tag beside or above them."""
    lines = text.splitlines()
    code = COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text).splitlines()
    wrong = []
    for number, line in enumerate(code):
        if ORDERED.search(line) and not line.lstrip().startswith("#define"):
            near = lines[max(0, number - LINES_ABOVE) : number + 1]
            if not any(TAG.search(text) for text in near):
                wrong.append(f"{name}:{number + 1}: {line.strip()}")
    return wrong


def test_every_tag_has_its_other_half() -> None:
    wrong = unpaired(tags(sources(ROOT)))
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_ordered_access_has_a_tag() -> None:
    wrong = [line for name, text in sources(ROOT) if name not in ACCESSORS for line in untagged(name, text)]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("/* [a.b] release: x. Pairs with\n * [c.d]. */ /* [c.d] acquire: y. Pairs with [a.b]. */", ""),
        ("/* [a.b] release: x. */ /* [a.b] acquire: y. */", ""),
        ("/* [a.b] acquire and release: x. */", ""),
        ("/* [a.b] release: x. Pairs with [c.d]. */", "[a.b] pairs with [c.d], which is nowhere"),
        ("/* [a.b] release: x. Pairs with [c.d]. */ /* [c.d] release: y. */", "are both"),
        ("/* [a.b] release: x. */", "[a.b] is {'release'} only"),
    ],
)
def test_the_check_sees_what_is_wrong(text: str, problem: str) -> None:
    wrong = unpaired(tags(iter([("a.c", text)])))
    assert (problem in "\n".join(wrong)) if problem else (wrong == [])


def test_the_check_sees_an_access_without_a_tag() -> None:
    bare = "int f(void)\n{\n    return load_acquire(&x);\n}\n"
    assert untagged("a.c", bare) == ["a.c:3: return load_acquire(&x);"]
    assert untagged("a.c", bare.replace(";", "; /* [a.b] as above */")) == []
    assert untagged("a.c", "/* load_acquire(&x) */\n") == []
