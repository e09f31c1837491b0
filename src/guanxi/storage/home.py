"""The folder that holds one installation: settings, master key, SQLite files, lake."""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from guanxi.kernel.errors import Conflict, GuanxiError, InvalidInput
from guanxi.kernel.text import Text

SETTINGS = "guanxi.toml"
KEY_FILE = "secret.key"

_SCHEMES = ("postgresql://", "postgres://")
_UNUSABLE = "[]*?%\\"
"""Letters that are patterns or escapes to the readers and writers of the lake, or end a database's address."""

_TEMPLATE = """\
# Guanxi settings. Every change takes effect at the next start.

# "sqlite" keeps everything in this folder. For PostgreSQL 15 or later:
# database = "postgresql://user:password@host:5432/guanxi"
database = {database}

[server]
host = "127.0.0.1"
port = 8787
"""


class NoHome(GuanxiError):
    """The folder is not an installation yet."""

    code = "no_home"
    status = 404
    text = Text(
        "{path} 不是 Guanxi 的数据目录；请先运行 guanxi init --home {path}。",
        "{path} is not a Guanxi home; run guanxi init --home {path} first.",
    )


class BrokenHome(GuanxiError):
    """The folder is an installation, but a file of it is missing or cannot be read."""

    code = "broken_home"
    status = 500
    text = Text("数据目录损坏：{reason_zh}", "The home folder is broken: {reason_en}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``guanxi.toml`` says, with defaults filled in."""

    database: str = "sqlite"
    host: str = "127.0.0.1"
    port: int = 8787

    KEYS: ClassVar[dict[str, type]] = {"database": str, "server.host": str, "server.port": int}

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read settings; raises ``InvalidInput`` naming the key that is unknown or of the wrong type."""
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise BrokenHome(
                reason_zh=f"无法读取 {path.name}：{error.strerror}",
                reason_en=f"{path.name} cannot be read: {error.strerror}",
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(
                reason_zh=f"{path.name} 无法解析：{error}", reason_en=f"{path.name} cannot be parsed: {error}"
            ) from error
        flat = _flatten(data)
        for key, value in flat.items():
            expected = cls.KEYS.get(key)
            if expected is None:
                raise InvalidInput(
                    reason_zh=f"{path.name} 有未知的设置 {key}",
                    reason_en=f"{path.name} has an unknown setting {key}",
                )
            if type(value) is not expected:
                raise InvalidInput(
                    reason_zh=f"{path.name} 的 {key} 应为 {expected.__name__}",
                    reason_en=f"{key} in {path.name} should be {expected.__name__}",
                )
        read = cls(**{key.rpartition(".")[2]: value for key, value in flat.items()})
        if not 0 < read.port < 65_536:
            raise InvalidInput(
                reason_zh=f"{path.name} 的 server.port 应在 1 到 65535 之间",
                reason_en=f"server.port in {path.name} should be between 1 and 65535",
            )
        check_address(read.database, path.name)
        return read


def check_address(database: str, place: str = "") -> None:
    """Raise ``InvalidInput`` unless ``database`` can be meant; ``place`` is the file that says it."""
    known = database.startswith((*_SCHEMES, "postgresql+psycopg://"))
    try:
        if database == "sqlite" or (known and make_url(database).host is not None):
            return
        if known and make_url(database).query:  # the address of a socket
            return
    except (ArgumentError, ValueError):
        pass
    raise InvalidInput(
        reason_zh=f"{place and place + ' 的 '}database 应为 sqlite 或 postgresql:// 开头的地址",
        reason_en=f"database{place and ' in ' + place} should be sqlite or an address that begins with postgresql://",
    )


def _quoted(text: str) -> str:
    """Return ``text`` as a TOML string; what JSON escapes, TOML escapes alike."""
    return json.dumps(text, ensure_ascii=False)


def _flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


@dataclass(frozen=True, slots=True)
class Home:
    """Paths and settings of one installation."""

    path: Path
    settings: Settings
    master_key: bytes

    @classmethod
    def create(cls, path: Path, *, database: str = "") -> Home:
        """Make a home in ``path``, or complete one that was left half made; what exists is never overwritten.

        Without ``database`` a new home has SQLite. Raises ``InvalidInput`` for a path or database that cannot be,
        ``Conflict`` for a home with another database, and what ``open`` raises; then nothing was written.
        """
        if database:
            check_address(database)
        if (path / SETTINGS).exists():
            return cls._with(path, database)
        bad = sorted(set(str(path.absolute())) & set(_UNUSABLE))
        if bad:
            letters = " ".join(bad)
            raise InvalidInput(
                reason_zh=f"数据目录的路径含有 {letters}，数据湖无法使用；请换一个路径。",
                reason_en=f"the path of the home holds {letters}, which the lake cannot use; choose another.",
            )
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            key_file = path / KEY_FILE
            if not key_file.exists():
                _write_new(key_file, secrets.token_hex(32).encode())
            _write_new(path / SETTINGS, _TEMPLATE.format(database=_quoted(database or "sqlite")).encode())
        except OSError as error:
            raise InvalidInput(
                reason_zh=f"无法在 {path} 建立数据目录：{error.strerror}",
                reason_en=f"no home can be made in {path}: {error.strerror}",
            ) from error
        return cls.open(path)

    @classmethod
    def _with(cls, path: Path, database: str) -> Home:
        home = cls.open(path)
        if database and driver_url(database) != driver_url(home.settings.database):
            raise Conflict(
                reason_zh=f"{path} 已有别的数据库；要换库请修改其中的 {SETTINGS}。",
                reason_en=f"{path} has another database already; to change it, edit {SETTINGS} there.",
            )
        return home

    @classmethod
    def open(cls, path: Path) -> Home:
        """Open an existing home; raises ``NoHome``, ``BrokenHome`` or ``InvalidInput``."""
        settings = path / SETTINGS
        if not settings.is_file():
            raise NoHome(path=str(path))
        try:
            key = bytes.fromhex((path / KEY_FILE).read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise BrokenHome(
                reason_zh=f"无法读取 {KEY_FILE}，请从备份恢复",
                reason_en=f"{KEY_FILE} cannot be read; restore it from a backup",
            ) from error
        if len(key) != 32:
            raise BrokenHome(
                reason_zh=f"{KEY_FILE} 长度不对，请从备份恢复",
                reason_en=f"{KEY_FILE} has the wrong length; restore it from a backup",
            )
        return cls(path, Settings.read(settings), key)

    @property
    def is_sqlite(self) -> bool:
        """Say whether the database is the embedded one."""
        return self.settings.database == "sqlite"

    @property
    def main_url(self) -> str:
        """SQLAlchemy URL of the transactional store."""
        return (
            f"sqlite:///{self.path / 'guanxi.db'}" if self.is_sqlite else driver_url(self.settings.database)
        )

    @property
    def tail_url(self) -> str:
        """SQLAlchemy URL of the event tail: a file of its own on SQLite, the same database on PostgreSQL."""
        return f"sqlite:///{self.path / 'tail.db'}" if self.is_sqlite else self.main_url

    def lake(self, merchant_id: str) -> Path:
        """Folder of a merchant's event lake."""
        return self.path / "lake" / merchant_id / "events"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.path / "locks"


def driver_url(url: str) -> str:
    """Name the driver in a PostgreSQL URL as operators write it."""
    for scheme in _SCHEMES:
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _write_new(path: Path, content: bytes) -> None:
    """Write a private file so that a crash leaves either all of it or nothing; leave one that is there by now."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, never replaces: of two that start at once the second takes the first's key.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
