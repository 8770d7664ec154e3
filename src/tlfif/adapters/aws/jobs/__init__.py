"""Jobs on AWS: DynamoDB, SQS, S3."""
