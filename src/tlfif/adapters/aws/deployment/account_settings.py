"""Two settings of the whole account for which CloudFormation has no resource."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import is_absent
from tlfif.deployment.deployment import AccountSettings

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


def read_account_settings(ec2: "EC2Client", s3control: Any, account_id: str) -> AccountSettings:
    """The current settings. Raises AWS's errors."""
    encrypt = bool(ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"])
    try:
        found = s3control.get_public_access_block(AccountId=account_id)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if not is_absent(error):
            raise
        return AccountSettings(encrypt_disks=encrypt, block_public=None)
    return AccountSettings(encrypt_disks=encrypt, block_public={name: bool(value) for name, value in found.items()})


def write_account_settings(ec2: "EC2Client", s3control: Any, account_id: str, wanted: AccountSettings) -> None:
    """Set both as wanted; a setting that is right already is not touched. Raises AWS's errors."""
    now = read_account_settings(ec2, s3control, account_id)
    if now.encrypt_disks != wanted.encrypt_disks:
        if wanted.encrypt_disks:
            ec2.enable_ebs_encryption_by_default()
        else:
            ec2.disable_ebs_encryption_by_default()
    if now.block_public == wanted.block_public:
        return
    if wanted.block_public is None:
        s3control.delete_public_access_block(AccountId=account_id)
    else:
        s3control.put_public_access_block(
            AccountId=account_id, PublicAccessBlockConfiguration=dict(wanted.block_public)
        )
