"""Doctor: every known surprise as a check."""
