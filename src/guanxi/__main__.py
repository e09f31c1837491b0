"""``python -m guanxi`` is the command ``guanxi``."""

from guanxi.cli import main

main()
