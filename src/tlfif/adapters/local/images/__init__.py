"""Images of this computer: bundles in the data folder, built from a Git repository."""
