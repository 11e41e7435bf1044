"""Recipes: the one YAML file that says everything, read with positions and checked at once."""
