"""The doctor's probes of an AWS account."""
