"""The machine (requirement list 5, 8.3, 9): a network without inbound access, and the template of every launch."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from aws_cdk import Aws, CfnCondition, CfnTag, Fn, Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.store import Store
from infra.log_group import log_group
from infra.rights import HOME_TAG, accept, allow, arn, role
from tlfif.machines.machine_types import INSTANCE_TYPES, needs_gpu
from tlfif.money.prices.prices import INCLUDED_MIBS, QUICK_MIBS

NETWORK = IPv4Network("10.87.0.0/24")
SUBNET_PREFIX = 27
"""32 addresses a zone; a home has one machine, and a second one while an image is tested."""
INITIALIZATION_MIBS = 300
"""EBS's maximum. Otherwise an image's disk fills at a few MiB/s while the GPU is being paid for."""
HTTP, HTTPS = 80, 443
CANONICAL = "099720109477"
"""The account that publishes Ubuntu's images."""
BUILDER_TYPES = tuple(name for name in INSTANCE_TYPES if not needs_gpu(name))
"""No GPU: installing the driver needs none, and an hour costs a third."""
INCLUDED_IOPS = 3000
"""They allow a throughput of up to 750 MiB/s (0.25 for each)."""


@dataclass(frozen=True, kw_only=True)
class MachineProps:
    """``zones``: name and condition of each. ``instance_types``: separated by commas; the first is the template's own.
    ``sizes_disk``: a disk has ``disk_gb``. ``keeps_disk``: the disk is not terminated with its machine."""

    home: str
    zones: Sequence[tuple[str, CfnCondition | None]]
    instance_types: str
    disk_gb: float
    sizes_disk: CfnCondition
    keeps_disk: CfnCondition
    store: Store


class Machine(Construct):
    """Where a machine runs, what it is launched from, and what it may do. This construct runs no machine."""

    def __init__(self, scope: Construct, construct_id: str, *, props: MachineProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        vpc = ec2.CfnVPC(self, "Vpc", cidr_block=str(NETWORK), enable_dns_support=True, enable_dns_hostnames=True)
        self._subnets(vpc)
        self._group = _security_group(self, "Door", vpc, "No way in; HTTPS out. The machine fetches its work.", HTTPS)
        self._builders_group = _security_group(
            self, "BuildersGroup", vpc, "No way in; out to packages and files.", HTTP, HTTPS
        )
        self.logs = log_group(self, "Logs", name=f"/{props.home}/machine")
        self.role = role(
            self,
            "Worker",
            service="ec2.amazonaws.com",
            description="What a machine may do: take jobs, answer them, write its log, be looked at by its owner.",
            statements=[*props.store.worker_rights(), *self._log_rights(), *self._session_rights()],
        )
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        self.template = self._launch_template("Template", "machine", self._group, profile=profile)
        self.builder_template = self._launch_template("BuilderTemplate", "builder", self._builders_group)
        accept(vpc, "No way in and no secrets inside: flow logs would cost more than they tell.", "VPC7")

    def launch_rights(self, *, builders: bool = False) -> list[iam.PolicyStatement]:
        """The router: launch from this template only, only the permitted types, and tag only what it launches. The
        images' function (``builders``): from the builders' template too, Ubuntu's own image, and of cheap types."""
        tags = {f"aws:RequestTag/{HOME_TAG}": self._props.home}
        ours = {f"aws:ResourceTag/{HOME_TAG}": self._props.home}
        launched = [self.template, self.builder_template] if builders else [self.template]
        gates = [self._group, self._builders_group] if builders else [self._group]
        templates = [arn(self, "ec2", f"launch-template/{one.ref}") for one in launched]
        groups = [self._ec2(f"security-group/{one.ref}") for one in gates]
        by_template = {"ArnEquals": {"ec2:LaunchTemplate": templates if builders else templates[0]}}
        types = ",".join((self._props.instance_types, *BUILDER_TYPES)) if builders else self._props.instance_types
        typed: dict[str, str | list[str]] = {**tags, "ec2:InstanceType": Fn.split(",", types)}
        created = [self._ec2(f"{kind}/*") for kind in ("instance", "volume", "network-interface")]
        images = arn(self, "ec2", "image/*", account=False)
        run = ["ec2:RunInstances"]
        ubuntu = allow("LaunchUbuntu", run, [images], {"StringEquals": {"ec2:Owner": CANONICAL}})
        return [
            allow("LaunchInstance", run, [self._ec2("instance/*")], {**by_template, "StringEquals": typed}),
            allow("LaunchDisk", run, [self._ec2("volume/*")], {**by_template, "StringEquals": tags}),
            allow("LaunchInterface", run, [self._ec2("network-interface/*")], by_template),
            allow("LaunchFrom", run, [*templates, *groups]),
            allow("LaunchInSubnet", run, [self._ec2("subnet/*")], {"StringEquals": ours}),
            allow(
                "LaunchOwnImage",
                run,
                [images],
                {"StringEquals": {**ours, "ec2:Owner": Stack.of(self).account}},
            ),
            *([ubuntu] if builders else []),
            allow(
                "TagAtLaunch",
                ["ec2:CreateTags"],
                created,
                {"StringEquals": {"ec2:CreateAction": "RunInstances", **tags}},
            ),
            allow(
                "HandOverTheWorkersRole",
                ["iam:PassRole"],
                [self.role.role_arn],
                {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            ),
            allow("ReadPromotedImages", ["ssm:GetParameter"], [self._image_parameters_arn()]),
        ]

    def build_rights(self) -> list[iam.PolicyStatement]:
        """The images' function: what a builder has become is made an image, and an image of this home is deleted with
        its snapshots."""
        tags = {f"aws:RequestTag/{HOME_TAG}": self._props.home}
        ours = {"StringEquals": {f"aws:ResourceTag/{HOME_TAG}": self._props.home}}
        image, snapshot = (arn(self, "ec2", f"{kind}/*", account=False) for kind in ("image", "snapshot"))
        return [
            allow("FindUbuntu", ["ssm:GetParameter"], [self._ubuntu_parameters()]),
            allow("ImageOfBuilder", ["ec2:CreateImage"], [self._ec2("instance/*")], ours),
            allow("NewImage", ["ec2:CreateImage"], [image, snapshot], {"StringEquals": tags}),
            allow(
                "TagNewImage",
                ["ec2:CreateTags"],
                [image, snapshot],
                {"StringEquals": {"ec2:CreateAction": "CreateImage", **tags}},
            ),
            allow("DeleteOwnImages", ["ec2:DeregisterImage"], [image], ours),
            allow("DeleteTheirSnapshots", ["ec2:DeleteSnapshot"], [snapshot], ours),
            allow("ReadLastWords", ["ec2:GetConsoleOutput"], [self._ec2("instance/*")], ours),
        ]

    def pointer_rights(self) -> list[iam.PolicyStatement]:
        """Whoever promotes or rolls back: read and write which image of this home machines are launched from."""
        names = arn(self, "ssm", f"parameter/{self._props.home}/image/*")
        verbs = ["ssm:GetParameter", "ssm:PutParameter"]
        return [allow("MovePointers", verbs, [names])]

    def stop_rights(self) -> list[iam.PolicyStatement]:
        """Router and API: terminate a machine of this home, and of no other."""
        return [
            allow(
                "EndOwnMachines",
                ["ec2:TerminateInstances"],
                [self._ec2("instance/*")],
                {"StringEquals": {f"aws:ResourceTag/{HOME_TAG}": self._props.home}},
            )
        ]

    def standby_rights(self) -> list[iam.PolicyStatement]:
        """The router, if the owner chose standby: stop a machine of this home, and start it as the next one with its
        tags and its settings."""
        ours = {f"aws:ResourceTag/{HOME_TAG}": self._props.home}
        return [
            allow(
                "PauseOwnMachines",
                ["ec2:StopInstances", "ec2:StartInstances", "ec2:ModifyInstanceAttribute"],
                [self._ec2("instance/*")],
                {"StringEquals": ours},
            ),
            allow(
                "MarkOwnMachines",
                ["ec2:CreateTags"],
                [self._ec2("instance/*"), self._ec2("volume/*")],
                {"StringEquals": {**ours, f"aws:RequestTag/{HOME_TAG}": self._props.home}},
            ),
        ]

    def look_rights(self, *actions: str) -> list[iam.PolicyStatement]:
        """Descriptions, which EC2 permits for all resources of a region or for none."""
        return [allow("LookAround", actions, ["*"], {"StringEquals": {"aws:RequestedRegion": Stack.of(self).region}})]

    def _ec2(self, resource: str) -> str:
        return arn(self, "ec2", resource)

    def _image_parameters_arn(self) -> str:
        """One for each profile, below the home's own name."""
        return arn(self, "ssm", f"parameter/{self._props.home}/image/*")

    def _ubuntu_parameters(self) -> str:
        """Canonical's public parameters with the newest image of each release (Ubuntu on AWS, "Find Ubuntu images")."""
        return arn(self, "ssm", "parameter/aws/service/canonical/ubuntu/server/*", account=False)

    def _log_rights(self) -> list[iam.PolicyStatement]:
        return [allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [self.logs.attr_arn])]

    def log_reading_rights(self) -> list[iam.PolicyStatement]:
        """The router: why a machine ended that told nobody else."""
        return [allow("ReadMachinesLog", ["logs:GetLogEvents"], [self.logs.attr_arn])]

    def _session_rights(self) -> list[iam.PolicyStatement]:
        """A shell for the owner without an open port (RQL 1, 5.5): AWS's own minimum for Session Manager."""
        channels = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
        return [
            allow("SessionOfTheOwner", [f"ssmmessages:{name}" for name in channels], ["*"]),
            allow("ReportToSessionManager", ["ssm:UpdateInstanceInformation"], [self._ec2("instance/*")]),
        ]

    def _subnets(self, vpc: ec2.CfnVPC) -> None:
        """A public subnet in each zone: free, whereas a private one would need a NAT gateway for 38 USD a month."""
        gateway = ec2.CfnInternetGateway(self, "Gateway")
        attached = ec2.CfnVPCGatewayAttachment(self, "Attached", vpc_id=vpc.ref, internet_gateway_id=gateway.ref)
        routes = ec2.CfnRouteTable(self, "Routes", vpc_id=vpc.ref)
        ec2.CfnRoute(
            self, "Out", route_table_id=routes.ref, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.ref
        ).add_resource_dependency(attached)
        blocks = NETWORK.subnets(new_prefix=SUBNET_PREFIX)
        for number, ((zone, condition), block) in enumerate(zip(self._props.zones, blocks, strict=False), start=1):
            subnet = ec2.CfnSubnet(
                self,
                f"Subnet{number}",
                vpc_id=vpc.ref,
                availability_zone=zone,
                cidr_block=str(block),
                map_public_ip_on_launch=True,
            )
            joined = ec2.CfnSubnetRouteTableAssociation(
                self, f"Joined{number}", subnet_id=subnet.ref, route_table_id=routes.ref
            )
            subnet.cfn_options.condition = joined.cfn_options.condition = condition
        for service in ("s3", "dynamodb"):
            ec2.CfnVPCEndpoint(
                self,
                f"{service.capitalize()}Endpoint",
                vpc_id=vpc.ref,
                vpc_endpoint_type="Gateway",
                service_name=f"com.amazonaws.{Stack.of(self).region}.{service}",
                route_table_ids=[routes.ref],
            )

    def _launch_template(
        self,
        construct_id: str,
        name: str,
        group: ec2.CfnSecurityGroup,
        *,
        profile: iam.CfnInstanceProfile | None = None,
    ) -> ec2.CfnLaunchTemplate:
        """Without a ``profile`` what is launched has no right at all: a builder fetches and reports over two addresses
        that were signed for that."""
        home_tag = CfnTag(key=HOME_TAG, value=self._props.home)
        data = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            instance_type=Fn.select(0, Fn.split(",", self._props.instance_types)),
            iam_instance_profile=None
            if profile is None
            else ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
            instance_initiated_shutdown_behavior="terminate",  # the first stop: its own "shutdown" ends it
            security_group_ids=[group.attr_group_id],
            block_device_mappings=[self._root_disk()],
            metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,  # no containers on the machine
                instance_metadata_tags="enabled",  # a machine may read its own tags without any permission
            ),
            monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=False),
            tag_specifications=[
                ec2.CfnLaunchTemplate.TagSpecificationProperty(resource_type=kind, tags=[home_tag])
                for kind in ("instance", "volume", "network-interface")
            ],
        )
        return ec2.CfnLaunchTemplate(
            self,
            construct_id,
            launch_template_name=f"{self._props.home}-{name}",
            launch_template_data=data,
            tag_specifications=[
                ec2.CfnLaunchTemplate.LaunchTemplateTagSpecificationProperty(
                    resource_type="launch-template", tags=[home_tag]
                )
            ],
        )

    def _root_disk(self) -> ec2.CfnLaunchTemplate.BlockDeviceMappingProperty:
        """Encrypted with AWS's own key: one of ours costs a dollar a month and needs a grant at each start. Throughput
        beyond what is included costs by the hour that the disk exists: a kept one has none. Where no size is said, EC2
        makes the disk as large as the image's (RunInstances, "BlockDeviceMappings")."""
        size = Fn.condition_if(self._props.sizes_disk.logical_id, self._props.disk_gb, Aws.NO_VALUE)
        quick = Fn.condition_if(self._props.keeps_disk.logical_id, INCLUDED_MIBS, QUICK_MIBS)
        return ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
            device_name="/dev/sda1",  # the root disk of Ubuntu's images
            ebs=ec2.CfnLaunchTemplate.EbsProperty(
                volume_type="gp3",
                volume_size=Token.as_number(size),
                iops=INCLUDED_IOPS,
                throughput=Token.as_number(quick),
                volume_initialization_rate=INITIALIZATION_MIBS,
                encrypted=True,
                delete_on_termination=True,
            ),
        )


def _security_group(
    scope: Construct, name: str, vpc: ec2.CfnVPC, description: str, *ports: int
) -> ec2.CfnSecurityGroup:
    """A security group without a way in, and out to ``ports``."""
    return ec2.CfnSecurityGroup(
        scope,
        name,
        vpc_id=vpc.ref,
        group_description=description,
        security_group_egress=[
            ec2.CfnSecurityGroup.EgressProperty(
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ip="0.0.0.0/0",
                description="HTTPS" if port == HTTPS else "Ubuntu's packages, which are signed",
            )
            for port in ports
        ],
    )
