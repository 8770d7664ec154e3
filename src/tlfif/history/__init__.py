"""Past conversations, kept on this computer."""
