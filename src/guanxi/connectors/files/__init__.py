"""Files of the merchant's own (CSV, JSON Lines, Parquet) turned into messages by a declared mapping."""

from guanxi.connectors.files.again import reread
from guanxi.connectors.files.guess import Guess, guess_mapping
from guanxi.connectors.files.mapping import Mapping, load_mapping, read_mapping
from guanxi.connectors.files.problems import (
    BrokenFile,
    EmptyFile,
    FileProblem,
    InvalidMapping,
    MissingFile,
    NoHeader,
    NothingFits,
    UnknownColumn,
    UnsupportedFile,
)
from guanxi.connectors.files.run import ImportResult, Progress, import_file

__all__ = [
    "BrokenFile",
    "EmptyFile",
    "FileProblem",
    "Guess",
    "ImportResult",
    "InvalidMapping",
    "Mapping",
    "MissingFile",
    "NoHeader",
    "NothingFits",
    "Progress",
    "UnknownColumn",
    "UnsupportedFile",
    "guess_mapping",
    "import_file",
    "load_mapping",
    "read_mapping",
    "reread",
]
