"""The doctor's questions to an AWS account."""
