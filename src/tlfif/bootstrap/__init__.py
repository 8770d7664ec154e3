"""Settings and the containers: which adapter stands behind which port."""
