"""Price lists as AWS lays them out, with made-up rows: five lines about the list, the columns, the prices."""

from collections.abc import Iterable

COLUMNS = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange", "EndingRange",
    "Unit", "PricePerUnit", "Currency", "RelatedTo", "LeaseContractLength", "PurchaseOption", "OfferingClass",
    "Product Family", "serviceCode", "Location", "Location Type", "Instance Type", "Current Generation",
    "Instance Family", "vCPU", "Physical Processor", "Clock Speed", "Memory", "Storage", "Network Performance",
    "Processor Architecture", "Storage Media", "Volume Type", "Max Volume Size", "Max IOPS/volume",
    "Max IOPS Burst Performance", "Max throughput/volume", "Provisioned", "Tenancy", "EBS Optimized",
    "Operating System", "License Model", "Group", "Group Description", "Transfer Type", "From Location",
    "From Location Type", "To Location", "To Location Type", "usageType", "operation", "AvailabilityZone",
    "CapacityStatus", "ClassicNetworkingSupport", "Dedicated EBS Throughput", "ECU", "Elastic Graphics Type",
    "Enhanced Networking Supported", "From Region Code", "GPU", "GPU Memory", "Instance",
    "Instance Capacity - 10xlarge", "Instance Capacity - xlarge", "instanceSKU", "Intel AVX2 Available",
    "Intel AVX Available", "Intel Turbo Available", "MarketOption", "Normalization Size Factor", "Physical Cores",
    "Pre Installed S/W", "Processor Features", "Product Type", "Region Code", "Resource Type", "serviceName",
    "SnapshotArchiveFeeType", "To Region Code", "Volume API Name", "VPCNetworkingSupport",
)  # fmt: skip
"""The columns of the list of EC2, in its order (some of the many for capacities are left out)."""
VPC_COLUMNS = (*COLUMNS[:19], "Group", "Group Description", "usageType", "operation", "Region Code", "serviceName")
REGION = "eu-central-1"
Row = dict[str, str]


def row(usage_type: str, price: str, unit: str, **changes: str) -> Row:
    """One price in Frankfurt; ``changes`` are columns by name, with ``_`` for a blank."""
    common = {
        "SKU": "2223B6PCG6QAUYY6",
        "OfferTermCode": "JRTCKXETXF",
        "TermType": "OnDemand",
        "PriceDescription": f"${price} per {unit}, made up",
        "EffectiveDate": "2026-11-01",
        "StartingRange": "0",
        "EndingRange": "Inf",
        "Unit": unit,
        "PricePerUnit": price,
        "Currency": "USD",
        "serviceCode": "AmazonEC2",
        "Location": "EU (Frankfurt)",
        "Location Type": "AWS Region",
        "usageType": usage_type,
        "Region Code": REGION,
    }
    return common | {name.replace("_", " "): value for name, value in changes.items()}


def machine(kind: str, price: str, **changes: str) -> Row:
    """An hour of an instance."""
    shared = {
        "Product_Family": "Compute Instance",
        "Instance_Type": kind,
        "Tenancy": "Shared",
        "Operating_System": "Linux",
        "License_Model": "No License required",
        "operation": "RunInstances",
        "CapacityStatus": "Used",
        "Memory": "16 GiB",
        "MarketOption": "OnDemand",
        "Physical_Processor": 'Intel "Cascade Lake", 24C',
    }
    found = row(f"EUC1-BoxUsage:{kind}", price, "Hrs", **(shared | changes))
    return {"Pre Installed S/W": "NA"} | found


def ec2_rows() -> list[Row]:
    """All that is wanted, between rows that must not be taken for it."""
    return [
        machine("g4dn.xlarge", "0.9990000000", Tenancy="Dedicated", usageType="EUC1-DedicatedUsage:g4dn.xlarge"),
        machine("g4dn.xlarge", "0.7880000000", Operating_System="RHEL", operation="RunInstances:0010"),
        machine("g4dn.xlarge", "0.8420000000", Operating_System="Windows", operation="RunInstances:0002"),
        machine("g4dn.xlarge", "3.6580000000", operation="RunInstances:0004") | {"Pre Installed S/W": "SQL Std"},
        machine("g4dn.xlarge", "0.0000000000", CapacityStatus="AllocatedCapacityReservation"),
        machine("g4dn.xlarge", "0.3990000000", TermType="Reserved", LeaseContractLength="1yr"),
        machine("g4dn.xlarge", "0.8000000000", Location_Type="AWS Local Zone", Region_Code="eu-central-1-ham-1"),
        machine("g4dn.xlarge", "0.0000000000", MarketOption="CapacityBlock"),
        machine("g4dn.xlarge", "4.7000000000", Currency="CNY"),
        machine("g4dn.xlarge", "0.6600000000"),
        machine("g4dn.12xlarge", "4.8900000000"),
        machine("g5.xlarge", "1.2580000000"),
        machine("g6.xlarge", "1.0064000000"),
        machine("c7i.xlarge", "0.2037000000"),
        machine("m7i.xlarge", "0.2415000000"),
        row("EUC1-EBS:VolumeUsage.gp2", "0.1190000000", "GB-Mo", Volume_API_Name="gp2"),
        row("EUC1-EBS:VolumeUsage.gp3", "0.0952000000", "GB-Mo", Volume_API_Name="gp3", Product_Family="Storage"),
        row("EUC1-EBS:VolumeP-IOPS.gp3", "0.0060000000", "IOPS-Mo", Volume_API_Name="gp3"),
        row("EUC1-EBS:VolumeP-Throughput.gp3", "48.7424000000", "GiBps-mo", Volume_API_Name="gp3"),
        row("EUC1-EBS:SnapshotUsage", "0.0540000000", "GB-Mo", Product_Family="Storage Snapshot"),
        row("EUC1-EBS:SnapshotUsageUnderBilling", "0.0000000000", "GB-Mo"),
    ]


def vpc_rows() -> list[Row]:
    """The address, between its kin."""
    return [
        row("EUC1-PublicIPv4:IdleAddress", "0.0060000000", "Hrs", serviceCode="AmazonVPC"),
        row("EUC1-PublicIPv4:InUseAddress", "0.0050000000", "Hrs", serviceCode="AmazonVPC"),
        row("EUC1-VpcEndpoint-Hours", "0.0120000000", "Hrs", serviceCode="AmazonVPC"),
    ]


def price_list(
    rows: Iterable[Row],
    *,
    offer: str = "AmazonEC2",
    columns: tuple[str, ...] = COLUMNS,
    version: str = "v1.0",
    published: str = "2026-11-20T22:53:08Z",
) -> bytes:
    """The file as AWS writes it."""
    head = [
        ("FormatVersion", version),
        ("Disclaimer", "Made up for a test. All prices are subject to nothing, http://example.org"),
        ("Publication Date", published),
        ("Version", "20261120225308"),
        ("OfferCode", offer),
        columns,
    ]
    return _lines([*head, *([each.get(name, "") for name in columns] for each in rows)])


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Every cell in quotation marks, but nothing at all for an empty one."""
    quoted = [['"' + cell.replace('"', '""') + '"' if cell else "" for cell in cells] for cells in rows]
    return "".join(",".join(cells) + "\n" for cells in quoted).encode()
