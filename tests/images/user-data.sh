#!/bin/bash
# What cloud-init does with user data that is a script: it runs it. Ubuntu's image for AWS has cloud-init; in tests this
# stands for it. User data that is no script is a machine's, which tlfif-boot reads.
set -euo pipefail
metadata=http://169.254.169.254/latest
script=/var/lib/cloud/instance/scripts/part-001
mkdir -p "$(dirname "$script")"
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/api/token")
curl -fsS -H "X-aws-ec2-metadata-token: $token" -o "$script" "$metadata/user-data"
[ "$(head -c 2 "$script")" = '#!' ] || exit 0
chmod 0700 "$script"
"$script"
