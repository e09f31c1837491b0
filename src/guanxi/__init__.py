"""Guanxi: a merchant's raw events go in, people come out.

The package's layers and the direction of its imports are written down in ``pyproject.toml``
under ``[tool.importlinter]`` and proved by ``make check``.
"""

from importlib.metadata import version

__version__ = version("guanxi")
