"""Layers with a member axis and what networks are made of; torch only, no recipes.

Every parameter and every feature begins with the member axis, so that one module serves a whole
pack (``layers``). All parameters of a pack lie in one buffer (``flat_parameters``), and every draw
comes from a stream of its member's own seed (``random_streams``). Nothing here knows what a recipe,
a data set or a sweep is.
"""
