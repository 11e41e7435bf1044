"""Writing an exported model: its formats checked against the trained model, its card, its manifest."""
