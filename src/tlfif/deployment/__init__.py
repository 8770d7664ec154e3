"""Deployment: creates, follows and removes the home on AWS."""
