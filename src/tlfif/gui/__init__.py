"""The window: state and presenters without tkinter, views without I/O, one bridge with the threads."""
