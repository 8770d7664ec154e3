"""One construct per section of the requirement list."""
