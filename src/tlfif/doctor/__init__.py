"""Doctor: a check for every known surprise."""
