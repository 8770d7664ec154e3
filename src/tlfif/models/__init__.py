"""Models: the catalogue and the port that holds their files."""
