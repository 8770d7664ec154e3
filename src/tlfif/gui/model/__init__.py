"""What the window knows and does: state, intents, messages, commands."""
