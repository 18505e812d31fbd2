"""AWS list prices in dollars, each with its unit and where it was read. No free tier, no discount, no tax."""

from dataclasses import dataclass

REGION = "us-east-1"
CHECKED = "2026-11-25"

# Where a price was read. AWS's pricing pages fill in their rates by script, so most come from others who publish them.
INFRACOST = "infracost's tests, 2024-07 to 2026-05"
AWS = "AWS whitepaper, private APIs"
CLOUDBURN = "cloudburn.io, 2026-02"
FORTEM = "vantage.sh and fortem.dev, 2026"
INFRATALLY = "infratally.com, 2026"
SIGNOZ = "signoz.io, 2026-02"
ESTIMATES = "public estimates only"


@dataclass(frozen=True)
class Price:
    """Dollars a unit, in `REGION`."""

    usd: float
    unit: str
    source: str


FARGATE_VCPU = {"ARM64": Price(0.03238, "vCPU hour", FORTEM), "X86_64": Price(0.04048, "vCPU hour", INFRACOST)}
FARGATE_GB = {"ARM64": Price(0.00356, "GB hour", FORTEM), "X86_64": Price(0.004445, "GB hour", INFRACOST)}

DATABASE = {  # one zone; a standby in a second one doubles it
    "db.t4g.micro": Price(0.016, "hour", INFRATALLY),
    "db.t4g.small": Price(0.032, "hour", INFRACOST),
    "db.t4g.medium": Price(0.065, "hour", INFRATALLY),
}
DATABASE_STORAGE = Price(0.115, "GB month", INFRACOST)

STREAM_HOUR = Price(0.04, "hour on demand", INFRACOST)
STREAM_IN = Price(0.08, "GB in, each record rounded up to 1 KB", INFRACOST)
STREAM_OUT = Price(0.04, "GB out, for each reader", INFRACOST)
STREAM_KEPT = Price(0.10, "GB month beyond the first day", INFRACOST)
SHARD_HOUR = Price(0.015, "shard hour", INFRACOST)
SHARD_PUT = Price(0.014e-6, "put of up to 25 KB", INFRACOST)
SHARD_KEPT = Price(0.02, "shard hour of retention beyond the first day", INFRACOST)
FIREHOSE_IN = Price(0.029, "GB, each record rounded up to 5 KB", ESTIMATES)

API_REQUEST = Price(1.00e-6, "request of up to 512 KB, the first 300 million", AWS)
API_REQUEST_BEYOND = Price(0.90e-6, "request of up to 512 KB, beyond these", AWS)
BALANCER_HOUR = Price(0.0225, "hour", INFRACOST)
BALANCER_UNIT = Price(0.008, "capacity unit hour", INFRACOST)
NAT_HOUR = Price(0.045, "hour", CLOUDBURN)
NAT_GB = Price(0.045, "GB, both ways", CLOUDBURN)
ADDRESS_HOUR = Price(0.005, "public IPv4 hour", CLOUDBURN)
ENDPOINT_HOUR = Price(0.01, "hour and zone", INFRACOST)
ENDPOINT_GB = Price(0.01, "GB, both ways", INFRACOST)
INTERNET_OUT = Price(0.09, "GB, the first 10 TB", INFRACOST)
WAF_MONTH = Price(5.00, "web ACL month", INFRACOST)
WAF_RULE = Price(1.00, "rule month", INFRACOST)
WAF_REQUEST = Price(0.60e-6, "request", INFRACOST)

LOG_GB = Price(0.50, "GB of logs", INFRACOST)
METRIC = Price(0.30, "custom metric month", SIGNOZ)
ALARM = Price(0.10, "alarm month", INFRACOST)
DASHBOARD = Price(3.00, "month", INFRACOST)

ARCHIVE_GB = Price(0.023, "GB month", INFRACOST)
ARCHIVE_PUT = Price(0.005e-3, "put", INFRACOST)
LEASE_WRITE = Price(0.625e-6, "write", INFRACOST)
KEY_MONTH = Price(1.00, "key month", INFRACOST)
KEY_CALL = Price(0.03e-4, "call", INFRACOST)
SECRET_MONTH = Price(0.40, "month", INFRACOST)
SECRET_READ = Price(0.05e-4, "call", INFRACOST)
IMAGE_GB = Price(0.10, "GB month", INFRACOST)
MAIL = Price(0.10e-3, "e-mail and recipient", ESTIMATES)


def listed() -> dict[str, Price]:
    """All of them by name."""
    found: dict[str, Price] = {}
    for name, value in globals().items():
        label = name.lower().replace("_", " ")
        if isinstance(value, Price):
            found[label] = value
        elif isinstance(value, dict) and name.isupper():
            found |= {f"{label} {kind}": price for kind, price in value.items()}
    return found
