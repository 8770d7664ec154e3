"""Deployment: makes, follows and removes the home on AWS."""
