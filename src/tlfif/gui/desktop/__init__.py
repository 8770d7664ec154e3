"""What the system around the window offers: its notices, its file dialogs."""
