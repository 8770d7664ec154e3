"""Where the functions on AWS begin."""
