"""The installation port on AWS."""

from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import code_of, unless_absent
from tlfif.adapters.aws.calls.home_tag import HOME_TAG
from tlfif.adapters.aws.calls.image_parameter import image_parameters
from tlfif.adapters.aws.deployment.buckets import (
    code_bucket_name,
    make_private_bucket,
    object_exists,
    open_buckets,
    upload_by_content,
)
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place, ask
from tlfif.adapters.aws.deployment.image_orders import ask_for_image, look_at_image
from tlfif.adapters.aws.deployment.ingress import enable_ingress
from tlfif.adapters.aws.deployment.stack import CloudFormationStack
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.control.authority import OWNERS
from tlfif.deployment.deployment import AccountSettings, Caller, ImageOrder, Stack, StackEvent
from tlfif.deployment.installation import Installation
from tlfif.deployment.stack_changes import Change
from tlfif.images.image import Profile
from tlfif.kernel.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

RELEASES = "releases/"
Build = Callable[[Path], Path]
"""Builds the functions' package in a folder and returns the file."""


async def who_calls(clients: DeploymentClients) -> Caller:
    """Whose credentials these are, and AWS's time from the answer's Date header. Raises TlfifError."""

    def read() -> Caller:
        answer = clients.sts.get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        return Caller(account_id=answer["Account"], who=answer["Arn"], aws_time=parsedate_to_datetime(date).timestamp())

    return await ask("sts", read)


class AwsInstallation(Installation):
    """One home at one place."""

    def __init__(
        self, clients: DeploymentClients, place: Place, *, template: StackTemplate, build: Build, clock: Clock
    ) -> None:
        self._clients = clients
        self._place = place
        self._stack = CloudFormationStack(clients, place, template=template, clock=clock)
        self._build = build

    @property
    def _bucket(self) -> str:
        return code_bucket_name(self._place.home, self._place.account_id, self._place.region)

    async def caller(self) -> Caller:
        """See the port. Asks STS, which needs no permission."""
        return await who_calls(self._clients)

    async def zones(self, types: Sequence[str]) -> tuple[str, ...]:
        """See the port. EC2's list of offerings, which says nothing about free capacity."""

        def read() -> tuple[str, ...]:
            pages = self._clients.ec2.get_paginator("describe_instance_type_offerings").paginate(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": list(types)}]
            )
            return tuple(sorted({one["Location"] for page in pages for one in page["InstanceTypeOfferings"]}))

        return await ask("ec2", read)

    async def has_trail(self) -> bool:
        """See the port. Trails of other regions that record this one count as well; the home's own does not."""

        def read() -> bool:
            found = self._clients.cloudtrail.describe_trails(includeShadowTrails=True)["trailList"]
            return any(one.get("Name") != self._place.home for one in found)

        return await ask("cloudtrail", read)

    async def make_code_bucket(self) -> str:
        """See the port. Outside the stack, because the stack's functions need their package first."""

        def make() -> str:
            make_private_bucket(
                self._clients.s3, self._bucket, region=self._place.region, tags={HOME_TAG: self._place.home}
            )
            return self._bucket

        return await ask("s3", make)

    async def upload_package(self, known_key: str | None) -> str:
        """See the port. Named by its content, so that CloudFormation sees a change exactly if there is one."""

        def upload() -> str:
            s3 = self._clients.s3
            if known_key and object_exists(s3, self._bucket, known_key):
                return known_key
            with TemporaryDirectory(prefix="tlfif-package-") as folder:
                package = self._build(Path(folder))
                return upload_by_content(s3, self._bucket, package, prefix=RELEASES, suffix=".zip")

        return await ask("s3", upload)

    async def account_settings(self) -> AccountSettings:
        """See the port. EC2's setting is the region's, S3's the account's."""
        clients, account = self._clients, self._place.account_id
        return await ask("s3", lambda: _account_settings(clients.ec2, clients.s3control, account))

    async def open_buckets(self) -> tuple[str, ...]:
        """See the port. In all regions; asks up to three questions for each bucket."""
        return await ask("s3", lambda: open_buckets(self._clients.s3))

    async def set_account_settings(self, wanted: AccountSettings) -> None:
        """See the port. Changes only what differs."""
        clients, account = self._clients, self._place.account_id
        await ask("s3", lambda: _set_account_settings(clients.ec2, clients.s3control, account, wanted))

    async def stack(self) -> Stack | None:
        """See the port. As CloudFormation reports it."""
        return await self._stack.look()

    async def prepare_stack(self, parameters: Mapping[str, str]) -> tuple[Change, ...] | None:
        """See the port. By change set, which is read whole."""
        return await self._stack.prepare(parameters)

    async def begin_stack(self) -> None:
        await self._stack.begin()

    async def forget_prepared(self) -> None:
        await self._stack.forget()

    async def kept(self) -> tuple[str, ...]:
        return await self._stack.kept()

    async def enable_ingress(self) -> None:
        """See the port, and ``ingress.py``."""
        await enable_ingress(self._clients, self._place)

    async def begin_delete(self) -> None:
        await self._stack.begin_delete()

    async def stack_events(self) -> tuple[StackEvent, ...]:
        return await self._stack.events()

    async def promoted_image(self) -> str | None:
        """See the port. The value of an SSM parameter, of whichever profile has one."""

        def read() -> str | None:
            found = self._clients.ssm.get_parameters_by_path(Path=image_parameters(self._place.home))["Parameters"]
            return next((one["Value"] for one in found), None)

        return await ask("ssm", read)

    async def order_image(self, profile: Profile) -> ImageOrder:
        """See the port."""
        return await ask("lambda", lambda: ask_for_image(self._clients, self._place, profile))

    async def image_order(self, version: str) -> ImageOrder:
        """See the port."""
        return await ask("lambda", lambda: look_at_image(self._clients, self._place, version))

    async def make_owner(self, pool_id: str, email: str) -> bool:
        """See the port. Cognito generates the password and mails it; it never passes through TL-FIF."""

        def make() -> bool:
            invited = invite()
            self._clients.cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=email, GroupName=OWNERS)
            return invited

        def invite() -> bool:
            try:
                self._clients.cognito.admin_create_user(
                    UserPoolId=pool_id,
                    Username=email,
                    UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
                    DesiredDeliveryMediums=["EMAIL"],
                )
            except ClientError as error:
                if code_of(error) == "UsernameExistsException":
                    return False
                raise
            return True

        return await ask("cognito-idp", make)


def _account_settings(ec2: "EC2Client", s3control: Any, account_id: str) -> AccountSettings:
    """Two settings of the whole account for which CloudFormation has no resource. Raises AWS's errors."""
    encrypt = bool(ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"])
    found = unless_absent(lambda: s3control.get_public_access_block(AccountId=account_id))
    if found is None:
        return AccountSettings(encrypt_disks=encrypt, block_public=None)
    block = {name: bool(value) for name, value in found["PublicAccessBlockConfiguration"].items()}
    return AccountSettings(encrypt_disks=encrypt, block_public=block)


def _set_account_settings(ec2: "EC2Client", s3control: Any, account_id: str, wanted: AccountSettings) -> None:
    """Set both as wanted; a setting that is right already is not touched. Raises AWS's errors."""
    now = _account_settings(ec2, s3control, account_id)
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
