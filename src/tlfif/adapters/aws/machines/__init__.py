"""Machines on AWS: EC2, EventBridge Scheduler, DynamoDB."""
