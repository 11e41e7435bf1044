"""How plug-ins are found: the registry, a user's own files, the base of options, lazy imports.

The plug-ins themselves stand in a package for each kind (``armtune.encoders``, ``armtune.datasets``
…), each in a file of its own.
"""
