"""Recipes to begin with: drafted from what data look like, or copied from the shipped ones."""
