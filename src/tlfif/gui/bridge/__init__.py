"""Between the window and everything slow: the only threads of the window."""
