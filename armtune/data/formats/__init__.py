"""What reads files, a module for each format: sound, pictures, video, tables, HDF5, NumPy.

These are of no data set in particular: which files there are, and what they mean, is known to the
plug-ins in ``armtune.datasets``. Nothing that is read can run code.
"""
