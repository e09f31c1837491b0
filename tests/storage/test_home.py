"""Homes that are whole, half made or broken: each gets a clear answer in both languages."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guanxi.kernel.errors import Conflict, GuanxiError, InvalidInput
from guanxi.storage.database import Database
from guanxi.storage.events.lake import Lake
from guanxi.storage.events.model import START, LoggedEvent, Position
from guanxi.storage.home import KEY_FILE, SETTINGS, BrokenHome, Home, NoHome
from guanxi.storage.migrate import current, migrate, newest
from tests.storage.events import content, event, follow, in_lake, move

if TYPE_CHECKING:
    from tests.installation import Installation

HAN = re.compile(r"[\u4e00-\u9fff]")


def said(error: GuanxiError) -> str:
    assert HAN.search(error.say("zh"))
    assert not HAN.search(error.say("en"))
    return error.say("en")


def test_a_new_home(tmp_path: Path) -> None:
    made = Home.create(tmp_path / "a" / "b")
    assert Home.create(tmp_path / "a" / "b") == made, "what exists is never overwritten"
    assert Home.create(tmp_path / "a" / "b", database="sqlite") == made
    with pytest.raises(Conflict) as caught:
        Home.create(tmp_path / "a" / "b", database="postgresql://elsewhere/db")
    assert SETTINGS in said(caught.value)
    assert made.is_sqlite
    assert len(made.master_key) == 32
    assert stat.S_IMODE((made.path / KEY_FILE).stat().st_mode) == 0o600
    assert sorted(path.name for path in made.path.iterdir()) == sorted([KEY_FILE, SETTINGS]), (
        "no drafts are left"
    )


def test_a_half_made_home_is_completed(tmp_path: Path) -> None:
    first = Home.create(tmp_path)
    (tmp_path / SETTINGS).unlink()
    with pytest.raises(NoHome) as caught:
        Home.open(tmp_path)
    assert "guanxi init" in said(caught.value)
    assert Home.create(tmp_path).master_key == first.master_key


def test_a_lost_key_is_not_made_anew(tmp_path: Path) -> None:
    Home.create(tmp_path)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(BrokenHome):
        Home.create(tmp_path)
    assert not (tmp_path / KEY_FILE).exists()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/guanxi"])
def test_no_home_can_be_made_there(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput) as caught:
        Home.create(tmp_path / place)
    said(caught.value)


@pytest.mark.parametrize("database", ["mysql://host/db", "postgresql://host:port/db", "nonsense"])
def test_a_database_that_cannot_be_leaves_nothing_behind(tmp_path: Path, database: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Home.create(tmp_path / "home", database=database)
    assert "postgresql://" in said(caught.value)
    assert not (tmp_path / "home").exists()


def test_two_that_make_one_home_share_its_key(tmp_path: Path) -> None:
    for attempt in range(10):
        keys: list[bytes] = []
        start = threading.Barrier(4)

        def make(
            path: Path = tmp_path / str(attempt), start: threading.Barrier = start, keys: list[bytes] = keys
        ) -> None:
            start.wait()
            keys.append(Home.create(path).master_key)

        makers = [threading.Thread(target=make) for _ in range(4)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        assert len(keys) == 4
        assert len(set(keys)) == 1


@pytest.mark.parametrize("database", ['postgresql://user:p"w\\d@host/db', "postgresql://用户@host/数据"])
def test_any_address_survives_the_settings(tmp_path: Path, database: str) -> None:
    assert Home.create(tmp_path, database=database).settings.database == database


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("database = ", "cannot be parsed"),
        ("database = 'a\nb'", "cannot be parsed"),
        ("databse = 'sqlite'", "databse"),
        ("[server]\nport = '80'", "server.port"),
        ("[server]\nport = true", "server.port"),
        ("[server]\nport = 99999", "65535"),
        ("[server]\nport = 0", "65535"),
        ("[server]\nhost = 1", "server.host"),
        ("[[server]]\nport = 80", "server"),
        ("database = 'mysql://host/db'", "postgresql://"),
        ("database = ''", "postgresql://"),
        ("database = 5", "database"),
    ],
)
def test_broken_settings_name_what_is_wrong(tmp_path: Path, settings: str, word: str) -> None:
    Home.create(tmp_path)
    (tmp_path / SETTINGS).write_text(settings, "utf-8")
    with pytest.raises(InvalidInput) as caught:
        Home.open(tmp_path)
    assert word in said(caught.value)
    assert SETTINGS in said(caught.value)


def test_settings_in_another_encoding(tmp_path: Path) -> None:
    Home.create(tmp_path)
    (tmp_path / SETTINGS).write_bytes("# 数据库\ndatabase = 'sqlite'".encode("gb18030"))
    with pytest.raises(InvalidInput, match="cannot be parsed"):
        Home.open(tmp_path)


def test_settings_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home.create(tmp_path)

    def forbidden(*_args: object) -> str:
        raise PermissionError(13, os.strerror(13))

    (tmp_path / KEY_FILE).rename(tmp_path / "kept")
    monkeypatch.setattr(Path, "read_text", forbidden)
    with pytest.raises(BrokenHome) as caught:
        Home.open(tmp_path)
    assert KEY_FILE in said(caught.value)


@pytest.mark.parametrize("key", [None, b"", b"zz" * 32, b"ab" * 31, b"ab" * 33, "钥匙".encode()])
def test_a_key_file_that_is_missing_or_wrong(tmp_path: Path, key: bytes | None) -> None:
    Home.create(tmp_path)
    if key is None:
        (tmp_path / KEY_FILE).unlink()
    else:
        (tmp_path / KEY_FILE).write_bytes(key)
    with pytest.raises(BrokenHome) as caught:
        Home.open(tmp_path)
    assert "backup" in said(caught.value)


@pytest.mark.parametrize("name", ["a[1]", "b*", "c?", "100%", "d\\e"])
def test_a_folder_that_the_lake_cannot_use_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Home.create(tmp_path / name)
    assert "lake" in said(caught.value)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["my home", "数据 目录", "x#y", "a'b\"c", "q&a=1;{}", "~", "家🏠"])
def test_any_other_folder_works(tmp_path: Path, name: str) -> None:
    home = Home.create(tmp_path / name)
    database = Database.of(home)
    migrate(database)
    assert current(database) == newest()
    database.dispose()
    assert (home.path / "guanxi.db").exists()
    lake = Lake(home.lake("shop"))
    logged = [LoggedEvent(epoch=0, number=n, **content(event(f"e{n}"))) for n in (1, 2)]  # type: ignore[arg-type]
    lake.append(logged[:1], 1)
    lake.append(logged, 1)
    lake.append(logged[1:], 2)
    assert lake.read("shop", START, Position(0, 9), 9) == logged
    assert lake.holds([(logged[0].dedup_day, logged[0].id_hash), (1, b"x" * 16)]) == {
        (logged[0].dedup_day, logged[0].id_hash)
    }
    assert lake.compact(small_files=1) == 1
    assert lake.vacuum(hours=0) == 2
    assert lake.read("shop", START, Position(0, 9), 9) == logged
    assert lake.snapshot().handover == 2


@pytest.mark.parametrize("begun", ["", "_delta_log"])
def test_a_lake_that_was_only_begun(tmp_path: Path, begun: str) -> None:
    lake = Lake(tmp_path / "lake")
    (lake.path / begun).mkdir(parents=True)
    assert lake.snapshot() == ([], 0)
    assert lake.holds([(1, b"x" * 16)]) == set()
    assert (lake.compact(), lake.vacuum(hours=0)) == (0, 0)
    lake._create()
    assert lake.snapshot() == ([], 0)
    assert lake.holds([(1, b"x" * 16)]) == set()
    assert lake.read("shop", START, Position(0, 9), 9) == []


def test_a_lake_remembers_its_hand_over_across_checkpoints(installation: Installation) -> None:
    for n in range(5):
        installation.log.accept([event(f"e{n}")])
        assert move(installation) == 1
    lake = installation.log.lake("shop")
    table = lake._open()
    assert table is not None
    table.create_checkpoint()
    assert lake.snapshot().handover == 5
    installation.log.accept([event("late")])
    assert move(installation) == 1
    assert in_lake(installation) == [*(f"e{n}" for n in range(5)), "late"]


def test_a_broken_lake_is_an_error_and_not_an_empty_one(installation: Installation) -> None:
    """A reader must not pass what it could not read, nor a retry count as new."""
    installation.log.accept([event("a")])
    move(installation)
    for file in installation.home.path.glob("lake/shop/events/month=*/*.parquet"):
        file.write_bytes(b"PAR1 not any more")
    with pytest.raises(Exception, match=r"(?i)parquet|magic|footer|file"):
        follow(installation.log)
