"""Ports kept by Amazon Web Services."""
