"""Sign-in on AWS: Amazon Cognito."""
