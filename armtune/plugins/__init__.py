"""How plug-ins are found: the registry, a user's own files, the base of options, lazy imports.

The plug-ins themselves stand in a package for each kind (``armtune.encoders``, ``armtune.datasets``
…), each in a file of its own.
"""

from __future__ import annotations

MANIFEST = "bundle.json"
"""What a bundle says of itself, each file's checksum among it, those of plug-ins' files too."""
