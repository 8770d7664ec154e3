"""Deploying and destroying with CloudFormation, and what could be left behind."""
