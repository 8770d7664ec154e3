"""What TL-FIF does: one use case a module, its ports as keyword parameters."""
