"""What the window does with what it hears: pure functions from state and event to state and commands."""
