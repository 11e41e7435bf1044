"""armtune: a declarative sweeper for balanced multimodal learning."""

__version__ = "0.1.0"
