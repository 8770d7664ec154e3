"""The HTTP client that the window, the command line and scripts use."""
