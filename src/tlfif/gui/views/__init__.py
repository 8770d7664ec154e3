"""What is drawn: each view shows its part of the state and sends intents. No files, no network, no threads here."""
