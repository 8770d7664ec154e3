"""How the window looks: theme, colours, screen, text markup."""
