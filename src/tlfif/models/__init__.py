"""Models: which there are and where their files are. Rule: ``catalogue`` (names, pinned files). Port:
``model_store``."""
