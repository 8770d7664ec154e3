"""The built-in price list, used until AWS's own list has been read.

Micro-dollars for one unit, on demand, Linux, USD without VAT. The project's price notes (docs/reference/cost.md) are
its table of November 2026, made from stored copies of AWS's pages and public bills. A rate is ``verified`` where the
notes call it found or two public sources agree; not where it comes from one table only, is derived or is from memory.
"""

from tlfif.money.prices.prices import Item, Price, PriceBook

_US, _DE, _IE = "us-east-1", "eu-central-1", "eu-west-1"
_FACTS = "AWS's pages and public bills, as stored in November 2026"
_FACTS_DAY = "2026-11-22"
_TABLE = "github.com/tsaol/aws-gpu, made from instances.vantage.sh"
_TABLE_DAY = "2026-01-21"
_TOOLS = "price tables in public cost tools, two or more that agree"
_ONE_TOOL = "price table in one public cost tool"
_READ_DAY = "2026-11-23"
_MEMORY = "from memory, not verified"
_HALVED = "half of the rate before November 2024"
_READS_DAY = "2026-11-30"
_LIST = "AWS's price list of 25 September 2026 (AmazonEC2, version 20260925174521), as a public pricing note quotes it"
_CALCULATOR = (
    "AWS's calculator of July 2024 (github.com/vantage-sh/ec2instances.info/issues/745), where flex is 5 % less"
)
_HALF = "derived: half of c7i.xlarge, less 5 %"

_INSTANCE_HOURS: tuple[tuple[str, str, int, str, bool], ...] = (
    ("g4dn.xlarge", _US, 526_000, f"{_FACTS}; {_TABLE}", True),
    ("g4dn.xlarge", _DE, 658_000, f"{_FACTS}; {_TABLE}", True),
    ("g4dn.xlarge", _IE, 587_000, f"{_TABLE}; {_TOOLS}", True),
    ("g5.xlarge", _US, 1_006_000, f"{_TABLE}; factualminds.com, June 2026", True),
    ("g5.xlarge", _DE, 1_258_000, f"{_TABLE}; {_TOOLS}", True),
    ("g5.xlarge", _IE, 1_123_000, f"{_TABLE} alone", False),
    ("g6.xlarge", _US, 804_800, f"{_TABLE}; {_TOOLS}", True),
    ("g6.xlarge", _DE, 1_006_400, f"{_TABLE}; {_TOOLS}", True),
    (
        "g6.xlarge",
        _IE,
        898_400,
        f"derived: us-east-1 times g5's factor; {_TABLE} has no g6 there, AWS may not offer it",
        False,
    ),
)
_HOURS_WITHOUT_GPU: tuple[tuple[str, str, int, str, bool], ...] = (
    ("c7i.xlarge", _US, 178_500, f"{_LIST}; {_TOOLS}", True),
    ("c7i.xlarge", _DE, 203_700, f"{_LIST}; {_ONE_TOOL}", True),
    ("c7i.xlarge", _IE, 191_520, f"{_LIST}; {_CALCULATOR}", True),
    ("m7i.xlarge", _US, 201_600, f"{_LIST}; {_TOOLS}", True),
    ("m7i.xlarge", _DE, 241_500, f"{_LIST} alone", False),
    ("m7i.xlarge", _IE, 224_700, f"{_LIST}; {_CALCULATOR}", True),
    ("c7i-flex.large", _US, 84_790, _TOOLS, True),
    ("c7i-flex.large", _DE, 96_760, _HALF, False),
    ("c7i-flex.large", _IE, 90_970, f"{_HALF}; {_CALCULATOR}", False),
)

_RATES: tuple[tuple[Item, str, str, int, str, str, bool], ...] = (
    (Item.EBS_GP3_GB_MONTH, "GB-month", _US, 80_000, _FACTS, _FACTS_DAY, True),
    (Item.EBS_GP3_GB_MONTH, "GB-month", _DE, 95_200, _FACTS, _FACTS_DAY, True),
    (Item.EBS_GP3_GB_MONTH, "GB-month", _IE, 88_000, _TOOLS, _READ_DAY, True),
    (Item.GP3_MIBS_MONTH, "MiB/s-month", _US, 40_000, f"{_FACTS}; {_TOOLS}", _READS_DAY, True),
    (Item.GP3_MIBS_MONTH, "MiB/s-month", _DE, 47_600, _FACTS, _FACTS_DAY, True),
    (Item.GP3_MIBS_MONTH, "MiB/s-month", _IE, 44_000, _MEMORY, _READ_DAY, False),
    (Item.SNAPSHOT_GB_MONTH, "GB-month", _US, 50_000, _FACTS, _FACTS_DAY, True),
    (Item.SNAPSHOT_GB_MONTH, "GB-month", _DE, 54_000, _FACTS, _FACTS_DAY, True),
    (Item.SNAPSHOT_GB_MONTH, "GB-month", _IE, 50_000, _TOOLS, _READ_DAY, True),
    (Item.S3_GB_MONTH, "GB-month", _US, 23_000, _TOOLS, _READ_DAY, True),
    (Item.S3_GB_MONTH, "GB-month", _DE, 24_500, _TOOLS, _READ_DAY, True),
    (Item.S3_GB_MONTH, "GB-month", _IE, 23_000, _TOOLS, _READ_DAY, True),
    (
        Item.VOLUME_INIT_GB,
        "GB",
        _US,
        3_600,
        f"{_FACTS}: AWS's example at 300 MB/s",
        _FACTS_DAY,
        True,
    ),
    (Item.VOLUME_INIT_GB, "GB", _DE, 3_600, "us-east-1's rate; this region's not found", _FACTS_DAY, False),
    (Item.VOLUME_INIT_GB, "GB", _IE, 3_600, "us-east-1's rate; this region's not found", _FACTS_DAY, False),
    (
        Item.TABLE_READ_MILLION,
        "million read units",
        _US,
        125_000,
        f"airbyte.com, July 2025; {_HALVED}",
        _READS_DAY,
        False,
    ),
    (Item.TABLE_READ_MILLION, "million read units", _DE, 152_500, f"{_HALVED}, {_MEMORY}", _READS_DAY, False),
    (Item.TABLE_READ_MILLION, "million read units", _IE, 141_500, f"{_HALVED}, {_MEMORY}", _READS_DAY, False),
    (Item.NAT_HOUR, "hour", _US, 45_000, _FACTS, _FACTS_DAY, True),
    (Item.NAT_HOUR, "hour", _DE, 52_000, _FACTS, _FACTS_DAY, True),
    (Item.NAT_HOUR, "hour", _IE, 48_000, _TOOLS, _READ_DAY, True),
    (Item.NLB_HOUR, "hour", _US, 22_500, _FACTS, _FACTS_DAY, True),
    (Item.NLB_HOUR, "hour", _DE, 27_000, f"{_FACTS}: taken as equal to the ALB's rate", _FACTS_DAY, False),
    (Item.NLB_HOUR, "hour", _IE, 25_200, _TOOLS, _READ_DAY, True),
    (Item.CACHE_T3_MICRO_HOUR, "hour", _US, 17_000, _FACTS, _FACTS_DAY, True),
    (Item.CACHE_T3_MICRO_HOUR, "hour", _DE, 19_000, f"{_FACTS}: half of t3.small", _FACTS_DAY, False),
    (Item.CACHE_T3_MICRO_HOUR, "hour", _IE, 18_000, _MEMORY, _READ_DAY, False),
    (Item.INTERFACE_ENDPOINT_HOUR, "hour per zone", _US, 10_000, _FACTS, _FACTS_DAY, True),
    (Item.INTERFACE_ENDPOINT_HOUR, "hour per zone", _DE, 12_000, _FACTS, _FACTS_DAY, True),
    (Item.INTERFACE_ENDPOINT_HOUR, "hour per zone", _IE, 11_000, _ONE_TOOL, _READ_DAY, False),
)

_EVERYWHERE: tuple[tuple[Item, str, int, str, bool], ...] = (
    (Item.PUBLIC_IPV4_HOUR, "hour", 5_000, _FACTS, True),
    (Item.COST_EXPLORER_REQUEST, "request", 10_000, _FACTS, True),
    (Item.SQS_MILLION, "million requests", 400_000, _MEMORY, False),
    (Item.API_MILLION, "million requests", 1_000_000, _MEMORY, False),
    (Item.CONFIG_ITEM, "configuration item", 3_000, _FACTS, True),
    (Item.CONFIG_EVALUATION, "rule evaluation", 1_000, _FACTS, True),
    (Item.KMS_KEY_MONTH, "key-month", 1_000_000, _FACTS, True),
    (Item.CERTIFICATE_MONTH, "month", 2_000_000, f"{_FACTS}: $1 to $3, the domain {_MEMORY}", False),
    (Item.FREE_TIER, "month", 0, f"{_FACTS}: AWS's free amounts, partly {_MEMORY}", False),
)
"""The same in every region."""


def _built_in() -> list[Price]:
    prices = [
        Price(
            item=Item.GPU_HOUR,
            region=region,
            instance_type=instance_type,
            micros=micros,
            unit="hour",
            source=source,
            date=day,
            verified=verified,
        )
        for hours, day in ((_INSTANCE_HOURS, _TABLE_DAY), (_HOURS_WITHOUT_GPU, _READS_DAY))
        for instance_type, region, micros, source, verified in hours
    ]
    prices += [
        Price(item=item, region=region, micros=micros, unit=unit, source=source, date=day, verified=verified)
        for item, unit, region, micros, source, day, verified in _RATES
    ]
    prices += [
        Price(item=item, region=region, micros=micros, unit=unit, source=source, date=_FACTS_DAY, verified=verified)
        for item, unit, micros, source, verified in _EVERYWHERE
        for region in (_US, _DE, _IE)
    ]
    return prices


BUILT_IN_PRICES = PriceBook(_built_in())
"""Every built-in rate with its source and date, in force from the beginning of time."""
