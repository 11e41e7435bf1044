"""``python -m armtune``, where the command isn't on the path."""

from armtune.cli import main

main()
