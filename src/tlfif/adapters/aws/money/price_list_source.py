"""Reads prices from AWS's public price lists, which need no account.

Addresses: AWS Billing user guide, "Getting price list files manually"; usage types and units as in lists of 2025 and
2026.
"""

from tlfif.adapters.aws.money.price_list import PriceListMalformedError, PriceListReader, WantedPrice
from tlfif.adapters.http.bounded_download import BoundedDownload, UnreachableError, UnusableError
from tlfif.adapters.http.host_lookup import Resolver, system_resolver
from tlfif.kernel.errors import UnavailableError
from tlfif.machines.machine_types import INSTANCE_TYPES
from tlfif.money.prices.price_source import PriceSource, Progress
from tlfif.money.prices.prices import REGIONS, Item, Price, check_region

AWS_PRICE_LISTS = "https://pricing.us-east-1.amazonaws.com"
MAX_LIST_BYTES = 1 << 30
"""EC2's list for one region has some hundred MB."""
MAX_LIST_SECONDS = 600.0

_PERHAPS_NOT_OFFERED = frozenset(
    {("eu-west-1", "g6.xlarge"), *((region, "c7i-flex.large") for region in REGIONS)},
)
"""Not found in public tables; see the notes beside the built-in prices."""
_MIBS_PER_GIBS = 1024


class AwsPriceListSource(PriceSource):
    """The lists of EC2 (instances, disks, snapshots) and VPC (public addresses), on demand, Linux, shared hardware."""

    def __init__(
        self,
        *,
        base_url: str = AWS_PRICE_LISTS,
        max_bytes: int = MAX_LIST_BYTES,
        total_seconds: float = MAX_LIST_SECONDS,
        stall_seconds: float = 30.0,
        resolver: Resolver = system_resolver,
    ) -> None:
        """``max_bytes`` and ``total_seconds`` limit each list; ``stall_seconds`` is the longest silence within one.

        Raises ValueError unless ``base_url`` is https, or http on this computer.
        """
        self._download = BoundedDownload(
            base_url=base_url,
            max_bytes=max_bytes,
            total_seconds=total_seconds,
            stall_seconds=stall_seconds,
            resolver=resolver,
        )

    async def fetch(self, region: str, progress: Progress) -> list[Price]:
        check_region(region)
        received = 0

        def count(block: bytes) -> None:
            nonlocal received
            received += len(block)
            progress(received)

        found: list[Price] = []
        # The small list first: a problem of the connection shows there.
        for offer, wanted in (("AmazonVPC", _VPC), ("AmazonEC2", _ec2(region))):
            reader = PriceListReader(offer, region, wanted)

            def take(block: bytes, reader: PriceListReader = reader) -> None:
                count(block)
                reader.feed(block)

            try:
                await self._download.read(f"/offers/v1.0/aws/{offer}/current/{region}/index.csv", take)
                found += reader.finish()
            except UnreachableError as error:
                raise UnavailableError(
                    f"AWS's price list for {region} ({offer}) cannot be read now: {error}. The prices known so far "
                    "are used. To try again: `./tlfif cost prices --refresh`.",
                    code="price_list_unreachable",
                    details={"region": region},
                ) from error
            except (UnusableError, PriceListMalformedError) as error:
                raise UnavailableError(
                    f"AWS's price list for {region} ({offer}) cannot be used: {error}. Nothing was taken from it; the "
                    "prices known so far are used. Run `./tlfif cost prices --refresh` again later.",
                    code="price_list_malformed",
                    details={"region": region},
                ) from error
        return found


_VPC = (WantedPrice(item=Item.PUBLIC_IPV4_HOUR, usage_type="PublicIPv4:InUseAddress", unit="Hrs", shown_unit="hour"),)


def _ec2(region: str) -> list[WantedPrice]:
    machines = [
        WantedPrice(
            item=Item.GPU_HOUR,
            instance_type=instance_type,
            usage_type=f"BoxUsage:{instance_type}",
            unit="Hrs",
            shown_unit="hour",
            where={
                "Instance Type": instance_type,
                "Tenancy": "Shared",
                "Operating System": "Linux",
                "Pre Installed S/W": "NA",
                "CapacityStatus": "Used",
                "operation": "RunInstances",
            },
            optional=(region, instance_type) in _PERHAPS_NOT_OFFERED,
        )
        for instance_type in INSTANCE_TYPES
    ]
    return [
        *machines,
        WantedPrice(
            item=Item.EBS_GP3_GB_MONTH,
            usage_type="EBS:VolumeUsage.gp3",
            unit="GB-Mo",
            shown_unit="GB-month",
            where={"Volume API Name": "gp3"},
        ),
        WantedPrice(
            item=Item.GP3_MIBS_MONTH,
            usage_type="EBS:VolumeP-Throughput.gp3",
            unit="GiBps-mo",
            shown_unit="MiB/s-month",
            divisor=_MIBS_PER_GIBS,
            where={"Volume API Name": "gp3"},
        ),
        WantedPrice(item=Item.SNAPSHOT_GB_MONTH, usage_type="EBS:SnapshotUsage", unit="GB-Mo", shown_unit="GB-month"),
    ]
