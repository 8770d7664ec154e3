"""What is read from public web addresses, whoever publishes there."""
