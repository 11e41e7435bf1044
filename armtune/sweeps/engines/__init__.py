"""Where a sweep's trials run: in this process, with Ray Tune, as a population, on several workers.

An engine (``engine.Engine``) takes tasks from the search, lets workers train them, and passes on
what they say. Ray is imported nowhere else.
"""
