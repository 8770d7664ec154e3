"""The router: observe, decide, act, again and again."""
