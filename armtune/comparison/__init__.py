"""Balancing methods side by side: an equal sweep for each, its best setting over the same seeds.

``plan`` derives a recipe for each method, alike in all but the method; ``run`` sweeps them one
after the other and gathers what came out; ``pairs`` compares it seed by seed; ``timing`` says what
a method costs. The sweeps are ordinary ones, each in a run's folder of its own.
"""
