"""HTTP: what is read from public web addresses, with limits of time and size."""
