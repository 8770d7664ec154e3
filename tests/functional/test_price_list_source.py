"""Reading AWS's price lists from a server on loopback that tells the truth, lies, breaks off and dawdles."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.functional.price_lists import (
    COLUMNS,
    REGION,
    VPC_COLUMNS,
    Row,
    ec2_rows,
    machine,
    price_list,
    row,
    vpc_rows,
)
from tests.functional.price_server import PriceServer, Reply, price_server
from tlfif.adapters.aws.money.price_list import MAX_LINE_BYTES, PriceListMalformedError, PriceListReader, WantedPrice
from tlfif.adapters.aws.money.price_list_source import AwsPriceListSource
from tlfif.kernel.errors import InvalidInputError, UnavailableError
from tlfif.money.prices.prices import Item, Price

EC2 = f"/offers/v1.0/aws/AmazonEC2/current/{REGION}/index.csv"
VPC = f"/offers/v1.0/aws/AmazonVPC/current/{REGION}/index.csv"
EC2_LIST = price_list(ec2_rows())
VPC_LIST = price_list(vpc_rows(), offer="AmazonVPC", columns=VPC_COLUMNS)
SKU = b'"2223B6PCG6QAUYY6"'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as running:
        running.replies = {EC2: Reply(body=EC2_LIST), VPC: Reply(body=VPC_LIST)}
        yield running


def source(server: PriceServer, **limits: float) -> AwsPriceListSource:
    limits = {"total_seconds": 20.0, "stall_seconds": 10.0, **limits}
    return AwsPriceListSource(
        base_url=server.url + "/",
        max_bytes=int(limits.pop("max_bytes", 10_000_000)),
        **limits,
    )


async def fetched(server: PriceServer, **limits: float) -> dict[tuple[Item, str | None], Price]:
    prices = await source(server, **limits).fetch(REGION, lambda _: None)
    found = {(price.item, price.instance_type): price for price in prices}
    assert len(found) == len(prices)
    return found


async def refused(server: PriceServer, **limits: float) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        await fetched(server, **limits)
    assert caught.value.details == {"region": REGION}
    assert "prices known so far are used" in caught.value.message
    return caught.value


async def test_a_good_list_gives_the_wanted_prices_and_no_other(server: PriceServer) -> None:
    prices = await fetched(server)
    assert {key: price.micros for key, price in prices.items()} == {
        (Item.PUBLIC_IPV4_HOUR, None): 5_000,
        (Item.GPU_HOUR, "g4dn.xlarge"): 660_000,
        (Item.GPU_HOUR, "g5.xlarge"): 1_258_000,
        (Item.GPU_HOUR, "g6.xlarge"): 1_006_400,
        (Item.GPU_HOUR, "c7i.xlarge"): 203_700,
        (Item.GPU_HOUR, "m7i.xlarge"): 241_500,
        (Item.EBS_GP3_GB_MONTH, None): 95_200,
        (Item.GP3_MIBS_MONTH, None): 47_600,
        (Item.SNAPSHOT_GB_MONTH, None): 54_000,
    }
    assert all(price.verified and price.date == "2026-11-20" and price.region == REGION for price in prices.values())
    assert prices[Item.GP3_MIBS_MONTH, None].unit == "MiB/s-month"
    assert "AmazonVPC" in prices[Item.PUBLIC_IPV4_HOUR, None].source


async def test_nothing_about_the_owner_is_sent_and_progress_rises_to_the_last_byte(server: PriceServer) -> None:
    heard: list[int] = []
    await source(server).fetch(REGION, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == len(EC2_LIST) + len(VPC_LIST)
    assert [path for path, _ in server.requests] == [VPC, EC2]
    for _, headers in server.requests:
        assert set(headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
        assert (headers["user-agent"], headers["accept-encoding"]) == ("tlfif", "identity")


async def test_a_region_without_a_mark_and_a_list_in_chunks(server: PriceServer) -> None:
    home = "us-east-1"
    for path, body in ((EC2, EC2_LIST), (VPC, VPC_LIST)):
        plain = body.replace(REGION.encode(), home.encode()).replace(b"EUC1-", b"")
        server.replies[path.replace(REGION, home)] = Reply(body=plain, chunked=True)
    prices = await source(server).fetch(home, lambda _: None)
    assert (len(prices), {price.region for price in prices}) == (9, {home})


async def test_other_line_ends_and_a_last_line_without_one(server: PriceServer) -> None:
    server.replies[EC2] = Reply(body=EC2_LIST.replace(b"\n", b"\r\n").removesuffix(b"\r\n"))
    assert len(await fetched(server)) == 9


async def test_g6_may_be_missing_where_aws_may_not_offer_it(server: PriceServer) -> None:
    region = "eu-west-1"
    rows = [each for each in ec2_rows() if each["Instance Type" if "Instance Type" in each else "SKU"] != "g6.xlarge"]
    for path, body in ((EC2, price_list(rows)), (VPC, VPC_LIST)):
        server.replies[path.replace(REGION, region)] = Reply(body=body.replace(REGION.encode(), region.encode()))
    prices = await source(server).fetch(region, lambda _: None)
    found = {price.instance_type for price in prices if price.instance_type}
    assert found == {"g4dn.xlarge", "g5.xlarge", "c7i.xlarge", "m7i.xlarge"}, "c7i-flex.large neither"
    server.replies[EC2] = Reply(body=price_list(rows))
    assert "no price for g6.xlarge" in (await refused(server)).message


async def test_a_price_of_zero_is_handed_on_for_the_rules_to_judge(server: PriceServer) -> None:
    zero = machine("g4dn.xlarge", "0.0000000000")
    server.replies[EC2] = Reply(body=price_list([zero, *ec2_rows()[10:]]))
    assert (await fetched(server))[Item.GPU_HOUR, "g4dn.xlarge"].micros == 0


def without(columns: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(each for each in columns if each != name)


def with_row(*more: Row) -> bytes:
    return price_list([*ec2_rows(), *more])


MALFORMED = {
    "nothing": (b"", "ends before"),
    "a page": (b"<!DOCTYPE html>\n<html><body>Sign in to this network</body></html>\n" * 9, "no price list"),
    "noise": (bytes(range(256)) * 64, "no price list"),
    "json": (b'{"formatVersion" : "v1.0",\n"disclaimer" : ""}\n', "no price list"),
    "half a head": (EC2_LIST[:60], "line 2 cannot be read"),
    "a head without its end": (EC2_LIST[: EC2_LIST.index(SKU) // 3], "line"),
    "a head only": (b"\n".join(EC2_LIST.split(b"\n")[:6]) + b"\n", "no price for g4dn.xlarge"),
    "cut in a line": (EC2_LIST[: EC2_LIST.index(b"EUC1-EBS:SnapshotUsage") + 9], "cut short"),
    "cut after a line": (EC2_LIST[: EC2_LIST.index(SKU, EC2_LIST.index(b"gp3")) - 1], "no price for EBS"),
    "cut in a quoted cell": (EC2_LIST[: EC2_LIST.rindex(b'"')], "line 27"),
    "lines lost between": (EC2_LIST[:5000] + EC2_LIST[9000:], "line"),
    "a newer format": (price_list(ec2_rows(), version="v2.0"), "newer format"),
    "another service's list": (price_list(ec2_rows(), offer="AmazonRDS"), "not the list of AmazonEC2"),
    "no day": (price_list(ec2_rows(), published="soon"), "published"),
    "an impossible day": (price_list(ec2_rows(), published="2026-13-41T00:00:00Z"), "published"),
    "a column missing": (price_list(ec2_rows(), columns=without(COLUMNS, "Tenancy")), "tenancy"),
    "a column twice": (price_list(ec2_rows(), columns=(*COLUMNS, "Currency")), "currency"),
    "only other money": (price_list([each | {"Currency": "CNY"} for each in ec2_rows()]), "no price for"),
    "another region": (EC2_LIST.replace(REGION.encode(), b"eu-west-1"), "no price for"),
    "another unit": (EC2_LIST.replace(b"GB-Mo", b"TB-Mo"), "no price for EBS"),
    "two prices": (with_row(machine("g4dn.xlarge", "0.7")), "two prices for g4dn.xlarge"),
    "a word for a price": (with_row(row("EUC1-EBS:SnapshotUsage", "NaN", "GB-Mo")), "no amount"),
    "below zero": (with_row(row("EUC1-EBS:SnapshotUsage", "-0.05", "GB-Mo")), "no amount"),
    "a price without end": (with_row(row("EUC1-EBS:SnapshotUsage", "9" * 400, "GB-Mo")), "no amount"),
    "a huge line": (EC2_LIST + SKU + b"," * (MAX_LINE_BYTES + 1) + b"\n", "longer than"),
    "a line without end": (EC2_LIST + SKU + b"x" * (MAX_LINE_BYTES + 1), "longer than"),
    "half of a character": (EC2_LIST.replace(b"EU (Frankfurt)", b"EU \xc3(Frankfurt)"), "cannot be read"),
}


@pytest.mark.requirement("6.5.1")
@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_a_whole_list_is_refused(server: PriceServer, name: str) -> None:
    body, words = MALFORMED[name]
    server.replies[EC2] = Reply(body=body)
    error = await refused(server)
    assert error.code == "price_list_malformed"
    assert words in error.message


async def test_the_small_list_must_be_whole_as_well(server: PriceServer) -> None:
    server.replies[VPC] = Reply(body=VPC_LIST[:-200])
    assert (await refused(server)).code == "price_list_malformed"
    assert [path for path, _ in server.requests] == [VPC]


BROKEN = {
    "cut by the network": (Reply(body=EC2_LIST, cut_after=len(EC2_LIST) // 2), "broke"),
    "one byte short": (Reply(body=EC2_LIST, cut_after=len(EC2_LIST) - 1), "broke"),
    "cut between chunks": (Reply(body=EC2_LIST, chunked=True, cut_after=3000), "broke"),
    "not there": (Reply(status=404), "answers 404"),
    "not for everybody": (Reply(status=403, body=EC2_LIST), "answers 403"),
    "out of order": (Reply(status=503), "answers 503"),
    "a part only": (Reply(status=206, body=EC2_LIST), "answers 206"),
    "sent elsewhere": (Reply(status=302, headers=(("Location", "http://127.0.0.1:9/list.csv"),)), "another address"),
    "sent elsewhere here": (Reply(status=301, headers=(("Location", VPC),)), "another address"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_does_not_come_whole_is_refused(server: PriceServer, name: str) -> None:
    server.replies[EC2], words = BROKEN[name]
    error = await refused(server)
    assert error.code == "price_list_unreachable"
    assert words in error.message
    assert len(server.requests) == 2


LONG_LIST = price_list([*ec2_rows(), *[machine("m5.large", "0.1")] * 300])
UNUSABLE = {
    "no end in sight": (Reply(body=EC2_LIST, sized=False), "without its length"),
    "compressed": (Reply(body=EC2_LIST, headers=(("Content-Encoding", "gzip"),)), "compressed"),
    "too large at once": (Reply(body=LONG_LIST), "larger than"),
    "too large in the end": (Reply(body=LONG_LIST, chunked=True), "larger than"),
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_what_cannot_be_checked_or_is_too_large_is_refused(server: PriceServer, name: str) -> None:
    server.replies[EC2], words = UNUSABLE[name]
    error = await refused(server, max_bytes=90_000)
    assert error.code == "price_list_malformed"
    assert words in error.message


async def test_a_trickle_ends_at_the_limit_of_the_whole(server: PriceServer) -> None:
    server.replies[VPC] = Reply(body=VPC_LIST, trickle=True)
    error = await refused(server, total_seconds=0.3)
    assert error.code == "price_list_unreachable"
    assert "did not come whole within 0.3 seconds" in error.message


async def test_a_silence_ends_at_the_limit_of_a_silence(server: PriceServer) -> None:
    server.replies[VPC] = Reply(body=VPC_LIST, silent_after=100)
    error = await refused(server, stall_seconds=0.3)
    assert error.code == "price_list_unreachable"
    assert "fell silent" in error.message


async def test_nobody_there() -> None:
    with price_server() as gone:
        pass
    error = await refused(gone)
    assert (error.code, "there is no connection to 127.0.0.1" in error.message) == ("price_list_unreachable", True)


async def test_a_name_that_does_not_exist() -> None:
    def unknown(host: str, port: int) -> object:
        raise OSError("no such host")

    with pytest.raises(UnavailableError) as caught:
        await AwsPriceListSource(base_url="https://prices.invalid", resolver=unknown).fetch(REGION, lambda _: None)
    assert caught.value.code == "price_list_unreachable"


async def test_unknown_regions_and_open_addresses_are_not_asked(server: PriceServer) -> None:
    with pytest.raises(InvalidInputError):
        await source(server).fetch("../../etc", lambda _: None)
    assert server.requests == []
    for address in ("http://prices.example.org", "ftp://127.0.0.1", "prices", "https://"):
        with pytest.raises(ValueError, match="https"):
            AwsPriceListSource(base_url=address)


DISK = WantedPrice(item=Item.SNAPSHOT_GB_MONTH, usage_type="EBS:SnapshotUsage", unit="GB-Mo", shown_unit="GB-month")


@settings(deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(0, len(EC2_LIST)), max_size=20))
def test_where_blocks_end_makes_no_difference(cuts: list[int]) -> None:
    reader = PriceListReader("AmazonEC2", REGION, [DISK])
    edges = [0, *sorted(cuts), len(EC2_LIST)]
    for begin, end in pairwise(edges):
        reader.feed(EC2_LIST[begin:end])
    (price,) = reader.finish()
    assert price.micros == 54_000


@settings(deadline=None, max_examples=100)
@given(end=st.integers(0, len(EC2_LIST) - 1), wanted=st.just(replace(DISK, usage_type="EBS:SnapshotUsageUnderBilling")))
def test_a_list_cut_anywhere_is_refused_while_its_last_price_is_wanted(end: int, wanted: WantedPrice) -> None:
    reader = PriceListReader("AmazonEC2", REGION, [wanted])
    # The last row's cells after the price's own end are empty: only their commas could be missing.
    body = EC2_LIST[: min(end, EC2_LIST.rindex(b'"'))]
    with pytest.raises(PriceListMalformedError):  # noqa: PT012  # either call may notice
        reader.feed(body)
        reader.finish()


@given(noise=st.binary(max_size=400))
def test_noise_is_refused_and_breaks_nothing(noise: bytes) -> None:
    reader = PriceListReader("AmazonEC2", REGION, [DISK])
    with pytest.raises(PriceListMalformedError):  # noqa: PT012  # either call may notice
        reader.feed(noise)
        reader.finish()


def test_memory_does_not_grow_with_the_list() -> None:
    def blocks(of: Callable[[], Iterator[bytes]], count: int) -> int:
        reader = PriceListReader("AmazonEC2", REGION, [DISK])
        reader.feed(EC2_LIST)
        tracemalloc.start()
        for block in islice(of(), count):
            reader.feed(block)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(reader.finish()) == 1
        return peak

    filler = price_list([machine("m5.large", "0.1")]).split(b"\n")[6] + b"\n"

    def endless() -> Iterator[bytes]:
        while True:
            yield filler * 60

    assert blocks(endless, 200) < 2 * blocks(endless, 20)
