"""Writes bundles: a model in formats that are checked against it, its card, its manifest."""
