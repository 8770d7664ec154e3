"""Signing in to the home on AWS: the browser, the listener, the tokens."""
