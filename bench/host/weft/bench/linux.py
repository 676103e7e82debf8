# SPDX-License-Identifier: Apache-2.0
"""The Linux that figures are compared with: Debian's kernel, and an initramfs made on the spot.

    system = prepare()          # LinuxSystem(kernel, image, package)
    command_line("icount", cpus=4, names=[...], samples=2000, warmup=200, words="idle=poll")

The kernel is Debian's own package for virtual machines, fetched by apt when the baseline is asked for
the first time and unpacked below build/: nothing is installed. The initramfs holds one file, /init,
the static program of bench/linux. Debian's newest kernel is taken and kept until build/ is removed.

Linux boots in the machine of our own kernel: same QEMU, CPUs, memory, accelerator, CPU model. What
stands on its command line besides is here, with the reason, and in the results.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft import build, debian
from weft.failure import Failure
from weft.image import write_image
from weft.paths import BUILD

META_PACKAGE = "linux-image-cloud-amd64"
KERNEL_PACKAGE = r"linux-image-\d[\w.+-]*-cloud-amd64"
FOLDER = BUILD / "linux"
MODULES = ("virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
           "crc32c-intel", "failover", "net_failover", "virtio_net")  # fmt: skip
COMMON_WORDS = (
    "console=ttyS0",
    "quiet",
    "tsc=reliable",  # otherwise Linux finds fault with the emulated counter and takes the HPET, a device
    "nokaslr",  # the same addresses in every boot
)
# In icount mode one host thread runs all CPUs in turn and goes on to the next at PAUSE, HLT or an
# event only. Linux waits for a new CPU without any of them; so /init brings the others online while a
# process of it spins on PAUSE. Besides, each repetition of a string instruction counts there: where a
# processor says that it is quick at moving bytes (ERMS, FSRM), Linux clears a page by 4,096 of them. Made
# to believe that it is not, it takes 512 of 8 bytes each.
ICOUNT_WORDS = ("maxcpus=1", "clearcpuid=erms,fsrm")


@dataclass(frozen=True)
class LinuxSystem:
    """What to boot, and which package the kernel is from."""

    kernel: Path
    image: Path
    package: str


def prepare() -> LinuxSystem:
    """Fetches the kernel if it is not there, builds /init and the image around it."""
    kernel = FOLDER / "vmlinuz"
    package = FOLDER / "package"
    modules = [(f"{name}.ko", FOLDER / f"{name}.ko") for name in MODULES]
    if not all(path.is_file() for path in (kernel, package, *(path for _, path in modules))):
        _fetch(kernel, package)
    build.build([build.linux_baseline()])
    image = FOLDER / "initramfs.cpio"
    write_image(image, [("init", build.linux_baseline()), *modules])
    return LinuxSystem(kernel, image, package.read_text(encoding="utf-8").strip())


def command_line(
    mode: str, cpus: int, names: Sequence[str], samples: int, warmup: int, words: str
) -> str:
    """The kernel's command line for one boot; /init reads the words that begin with weft."""
    own = (f"weft.cpus={cpus}", f"weft.samples={samples}", f"weft.warmup={warmup}")
    only = f"weft.only={','.join(names)}"
    return " ".join(
        [*COMMON_WORDS, *(ICOUNT_WORDS if mode == "icount" else ()), *words.split(), *own, only]
    )


def _fetch(kernel: Path, package: Path) -> None:
    name = debian.dependency(META_PACKAGE, KERNEL_PACKAGE)
    if name is None:
        debian.update()
        name = debian.dependency(META_PACKAGE, KERNEL_PACKAGE)
    if name is None:
        raise Failure(f"this system's package archive has no {META_PACKAGE}: no Linux to compare with")
    download = FOLDER / "download"
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir(parents=True)
    archive = debian.fetch(name, download)
    _unpack(archive, kernel)
    package.write_text(archive.stem + "\n", encoding="utf-8")
    shutil.rmtree(download)


def _unpack(archive: Path, kernel: Path) -> None:
    """Takes boot/vmlinuz-* out of a package, and the MODULES; the thousand others stay where they are."""
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            missing = _take_files(process, kernel)
            process.kill()  # it would go on with the other modules
    except OSError as error:
        raise Failure(f"cannot unpack {archive.name}: {error.strerror}") from error
    if missing:
        raise Failure(f"{archive.name} holds no {', no '.join(sorted(missing))}")


def _take_files(process: subprocess.Popen[bytes], kernel: Path) -> set[str]:
    """Copies what is wanted to its place; what the package does not hold."""
    missing = {"vmlinuz", *(f"{name}.ko" for name in MODULES)}
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as files:
            for member in files:
                name = "vmlinuz" if member.name.startswith("./boot/vmlinuz-") else Path(member.name).name
                if not member.isfile() or name not in missing:
                    continue
                place = kernel if name == "vmlinuz" else kernel.with_name(name)
                fresh = place.with_suffix(".new")
                with files.extractfile(member) as source, fresh.open("wb") as target:  # type: ignore[union-attr]
                    shutil.copyfileobj(source, target)
                fresh.replace(place)
                missing.remove(name)
                if not missing:
                    break
    except tarfile.TarError as error:
        raise Failure(f"cannot unpack the kernel's package: {error}") from error
    return missing
