"""Machine images on AWS: records in DynamoDB, disks as AMIs, pointers in Parameter Store, builders on EC2."""
