"""Leftovers of the store and the logs: buckets, tables, queues, log groups, parameters."""

from collections.abc import Iterator

from tlfif.adapters.aws.deployment.buckets import bucket_exists, code_bucket_name, remove_bucket
from tlfif.adapters.aws.deployment.deployment_clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.leftover_kinds import LeftoverKind, is_tagged, tags_of
from tlfif.adapters.aws.deployment.stack_template import StackTemplate
from tlfif.deployment.deployment import Found


def bucket_names(place: Place, template: StackTemplate) -> tuple[str, ...]:
    """The home's buckets. The account's number is in each name, and a bucket's name is the world's: no mark needed."""
    named = template.names("AWS::S3::Bucket", home=place.home, account_id=place.account_id, region=place.region)
    return tuple(sorted({*named, code_bucket_name(place.home, place.account_id, place.region)}))


def store_kinds(clients: DeploymentClients, place: Place, template: StackTemplate) -> list[LeftoverKind]:
    """In any order, for nothing of it holds another."""
    return [
        LeftoverKind(
            name="tables",
            looked_for="tag tlfif:home, the template's names",
            service="dynamodb",
            find=lambda: _tables(clients, place, template),
            remove=lambda name: clients.dynamodb.delete_table(TableName=name),
        ),
        LeftoverKind(
            name="queues",
            looked_for="tag tlfif:home, the template's names",
            service="sqs",
            find=lambda: _queues(clients, place, template),
            remove=lambda name: clients.sqs.delete_queue(QueueUrl=name),
        ),
        LeftoverKind(
            name="logs",
            looked_for=f"the template's names, /aws/lambda/{place.home}-…, /{place.home}/…",
            service="logs",
            find=lambda: _log_groups(clients, place),
            remove=lambda name: clients.logs.delete_log_group(logGroupName=name),
        ),
        LeftoverKind(
            name="parameters",
            looked_for=f"names under /{place.home}/",
            service="ssm",
            find=lambda: _parameters(clients, place),
            remove=lambda name: clients.ssm.delete_parameter(Name=name),
        ),
        LeftoverKind(
            name="buckets",
            looked_for=", ".join(bucket_names(place, template)),
            service="s3",
            find=lambda: [
                Found(name=name) for name in bucket_names(place, template) if bucket_exists(clients.s3, name)
            ],
            remove=lambda name: remove_bucket(clients.s3, name),
        ),
    ]


def _names(template: StackTemplate, place: Place, kind: str) -> frozenset[str]:
    return template.names(kind, home=place.home, account_id=place.account_id, region=place.region)


def _tables(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    given = _names(template, place, "AWS::DynamoDB::Table")
    for page in clients.dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            if not name.startswith(f"{place.home}-"):
                continue
            table = clients.dynamodb.describe_table(TableName=name)["Table"]
            if table.get("TableStatus") == "DELETING":
                continue
            marks = clients.dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"]).get("Tags", [])
            yield Found(name=name, ours=name in given or is_tagged(tags_of(marks), place.home))


def _queues(clients: DeploymentClients, place: Place, template: StackTemplate) -> Iterator[Found]:
    given = _names(template, place, "AWS::SQS::Queue")
    for page in clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{place.home}-"):
        for url in page.get("QueueUrls", []):
            ours = url.rpartition("/")[2] in given
            marks = {} if ours else clients.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            yield Found(name=url, ours=ours or is_tagged(marks, place.home))


def _log_groups(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    """Lambda makes a log again that was removed under it, without our tag: known by its name."""
    home = place.home
    prefixes = (f"/aws/lambda/{home}-api", f"/aws/lambda/{home}-router", f"/aws/vendedlogs/{home}/", f"/{home}/")
    for prefix in prefixes:
        for page in clients.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for one in page["logGroups"]:
                name = one.get("logGroupName", "")
                yield Found(name=name, ours=prefix.endswith("/") or name == prefix)


def _parameters(clients: DeploymentClients, place: Place) -> Iterator[Found]:
    for page in clients.ssm.get_paginator("get_parameters_by_path").paginate(Path=f"/{place.home}/", Recursive=True):
        yield from (Found(name=one["Name"]) for one in page["Parameters"] if "Name" in one)
