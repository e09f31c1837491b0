"""Check the Markdown of the project: every link of ours leads somewhere, every `make` target exists.

Run as ``python -m tools.check_docs``. Addresses on the web are not fetched.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent

_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(
    r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<img[^>]+src=\"([^\"]+)\"|<a[^>]+href=\"([^\"]+)\""
)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_MAKE = re.compile(r"(?:^|[`\n])\s*make ([a-z][a-z-]*)")


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    result: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        result.add(f"{slug}-{count}" if count else slug)
    return result


def problems(page: Path, root: Path, targets: set[str]) -> list[str]:
    """What is wrong in one page: links that lead nowhere, commands that do not exist."""
    text = page.read_text("utf-8")
    where = page.relative_to(root)
    bare = _CODE.sub("", _FENCE.sub("", text))
    found = []
    for link in ("".join(groups) for groups in _LINK.findall(bare)):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (
            (root / path.lstrip("/") if path.startswith("/") else page.parent / unquote(path))
            if path
            else page
        )
        if not target.exists():
            found.append(f"{where}: {link} does not exist")
        elif anchor and target.suffix == ".md" and unquote(anchor) not in anchors(target.read_text("utf-8")):
            found.append(f"{where}: {link} has no such heading")
    found += [f"{where}: there is no `make {name}`" for name in _MAKE.findall(text) if name not in targets]
    return found


def make_targets(makefile: Path) -> set[str]:
    """Names that `make` knows."""
    return set(re.findall(r"^([a-z][a-z-]*):", makefile.read_text("utf-8"), re.MULTILINE))


def pages(root: Path) -> list[Path]:
    """Markdown files under version control, or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [root / name for name in listed.splitlines() if (root / name).exists()]


def main() -> int:
    """Check every page and list what is wrong."""
    targets = make_targets(ROOT / "Makefile")
    checked = pages(ROOT)
    found = [problem for page in checked for problem in problems(page, ROOT, targets)]
    print("\n".join(found) or f"{len(checked)} pages, every link leads somewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
