"""Bring the console's third-party assets into the tree: ``python tools/vendor.py``.

Each package is fetched by exact version with the ordinary ``npm`` client, its minified distribution files and its
licence are copied unchanged, and ``vendor.json`` records what came from where with a SHA-256 per file, so that a test
can tell that nobody edited them. Icons become one SVG sprite that holds only the names listed in ``ICONS``.
Nothing here runs when Guanxi is built, installed or started.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "src" / "guanxi" / "console" / "static"
VENDOR = STATIC / "vendor"


@dataclass(frozen=True)
class Package:
    """One npm package: where its files go (``folder``), and which of them are copied."""

    name: str
    version: str
    licence: str
    folder: str
    files: tuple[str, ...]


TABLER = Package("@tabler/core", "1.6.1", "MIT", "tabler", ("dist/css/tabler.min.css",))
ICON_PACKAGE = Package("@tabler/icons", "3.51.0", "MIT", "tabler-icons", ("LICENSE",))
PACKAGES = (
    TABLER,
    ICON_PACKAGE,
    Package("htmx.org", "4.0.1", "0BSD", "htmx", ("dist/htmx.min.js", "LICENSE")),
    Package(
        "echarts",
        "6.1.0",
        "Apache-2.0",
        "echarts",
        ("dist/echarts.common.min.js", "LICENSE", "NOTICE", "licenses/LICENSE-d3"),
    ),
)

# Tabler's names. Add one here and run this file again; a template that asks for another one fails to render.
ICONS = """
activity adjustments alert-circle alert-triangle arrow-back-up arrow-down arrow-down-right arrow-right arrow-up
arrow-up-right arrows-sort bell binary-tree bolt book-2 broadcast brand-alipay brand-tiktok brand-wechat building-store
calendar cash chart-bar chart-line check chevron-down chevron-left chevron-right circle-check circle-dashed
circle-minus circle-x clipboard-list clock code coin columns-3 copy credit-card crown database device-desktop
device-mobile device-tv diamond discount dots download edit external-link eye eye-off file-text filter flask folder
gift git-merge heartbeat help-circle history id inbox info-circle key keyboard language layout-dashboard
layout-sidebar-left-collapse layout-sidebar-left-expand link list lock lock-access logout mail menu-2 message-circle
messages minus moon notebook phone player-play player-stop plug plus progress receipt refresh report-analytics route scale
search selector send settings shield-lock shopping-bag shopping-cart speakerphone star stethoscope sun tag target
template ticket trash unlink upload user user-circle user-plus users users-group wallet world x
""".split()


def fetch(package: Package, into: Path) -> Path:
    """Download and unpack one package; return the folder with its files."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to vendor the assets")
    packed = subprocess.run(
        [npm, "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=into,
        check=True,
        capture_output=True,
        text=True,
    )
    target = into / package.folder
    with tarfile.open(into / packed.stdout.split()[-1]) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def tabler_licence(stylesheet: str, mit: str) -> str:
    """Return Tabler's licence: its npm package names MIT and the holders in a banner but ships no licence file."""
    holders = re.findall(r"Copyright \d{4}-\d{4} [^\n]+", stylesheet[:600])
    return re.sub(r"Copyright \(c\)[^\n]+", "\n".join(holders), mit, count=1)


def sprite(icons: Path) -> str:
    """Return one SVG with a ``<symbol>`` per icon; stroke and size are left to the stylesheet."""
    symbols = []
    for name in sorted(ICONS):
        source = (icons / f"{name}.svg").read_text(encoding="utf-8")
        body = re.sub(r"<!--.*?-->|<svg.*?>|</svg>|<path stroke=\"none\"[^>]*/>", "", source, flags=re.DOTALL)
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(line.strip() for line in body.splitlines())}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def main() -> None:
    """Replace ``static/vendor`` and ``static/icons.svg`` with freshly fetched ones."""
    shutil.rmtree(VENDOR, ignore_errors=True)
    records = []
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = {package: fetch(package, Path(scratch)) for package in PACKAGES}
        for package, source in unpacked.items():
            folder = VENDOR / package.folder
            folder.mkdir(parents=True)
            for file in package.files:
                shutil.copyfile(source / file, folder / Path(file).name)
        css = (VENDOR / "tabler" / "tabler.min.css").read_text(encoding="utf-8")
        mit = (unpacked[ICON_PACKAGE] / "LICENSE").read_text(encoding="utf-8")
        (VENDOR / "tabler" / "LICENSE").write_text(tabler_licence(css, mit), encoding="utf-8")
        (STATIC / "icons.svg").write_text(
            sprite(unpacked[ICON_PACKAGE] / "icons" / "outline"), encoding="utf-8"
        )
    for package in PACKAGES:
        files = sorted((VENDOR / package.folder).iterdir())
        digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        records.append(
            {
                "package": package.name,
                "version": package.version,
                "licence": package.licence,
                "folder": package.folder,
                "sha256": digests,
            }
        )
    (VENDOR / "vendor.json").write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
