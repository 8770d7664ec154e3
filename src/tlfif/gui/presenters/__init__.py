"""What the window does with events: pure functions from state and event to state and commands."""
