"""A home on the emulated AWS, whose functions run in this process."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import botocore.session
from botocore.config import Config
from joserfc import jwt
from joserfc.jwk import RSAKey

from tlfif.adapters.aws.calls.clients import AwsClients
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.bootstrap.aws import AwsStores, open_aws_stores
from tlfif.bootstrap.aws_settings import load_aws_settings
from tlfif.jobs.jobs import JobStatus, Outcome, Receipt
from tlfif.jobs.pieces import Piece
from tlfif.machines.machine import Heartbeat, MachineRecord, MachineState, Phase

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-central-1"
ISSUER = "https://issuer.example"
MACHINE = "machine-1"


@dataclass(slots=True)
class AwsHome:
    """``token`` signs in; ``endpoint`` is where the emulator listens."""

    token: str
    endpoint: str

    def infer(self, number: int) -> dict[str, Any]:
        """A prompt as API Gateway passes it on: payload format 2.0."""
        body = json.dumps({"prompt": f"{number:04d}: Tell me about rivers.", "model": "smollm2", "max_tokens": 64})
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/v1/infer",
            "rawQueryString": "",
            "headers": {
                "authorization": f"Bearer {self.token}",
                "content-type": "application/json",
                "content-length": str(len(body)),
                "host": "api.example",
                "idempotency-key": f"bench-{number}",
            },
            "requestContext": {
                "domainName": "api.example",
                "http": {
                    "method": "POST",
                    "path": "/v1/infer",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "bench",
                },
                "requestId": f"request-{number}",
                "stage": "$default",
            },
            "body": body,
            "isBase64Encoded": False,
        }


@contextmanager
def aws_home() -> Iterator[AwsHome]:
    """A new one, told to the functions by the environment as the stack tells them. No machine yet."""
    with _emulator() as endpoint, _keys() as (keys_url, key):
        environment = {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            **{f"TLFIF_AWS_{name}": value for name, value in _places(endpoint).items()},
            "TLFIF_AWS_KEYS_URL": keys_url,
        }
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            yield AwsHome(token=_token(key), endpoint=endpoint)
        finally:
            os.environ.clear()
            os.environ.update(before)


def make_ready() -> None:
    """A machine that is ready and has just been heard of, and has answered all prompts that were waiting."""
    settings, clock, ids = load_aws_settings(), SystemClock(), SystemIds()
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url)
    stores = open_aws_stores(settings, clients=clients, clock=clock, ids=ids, rng=Random(1))

    async def write() -> None:
        await _beat(stores, settings.image, clock.now())
        while claimed := await stores.jobs.claim(
            worker_id=MACHINE, model="smollm2", limit=50, lease_seconds=30, now=clock.now()
        ):
            done = Outcome(status=JobStatus.SUCCEEDED, receipt=Receipt(model="smollm2", machine_id=MACHINE, attempt=1))
            for each in claimed:
                await stores.jobs.finish(
                    each.lease, seq=3, rest=Piece(text="Rivers run."), outcome=done, now=clock.now()
                )
        await stores.close()

    with closing(asyncio.new_event_loop()) as loop:  # not this thread's own, which is the function's
        loop.run_until_complete(write())


async def _beat(stores: AwsStores, image: str, now: float) -> None:
    machine = MachineRecord(
        id=MACHINE,
        state=MachineState.LAUNCHING,
        model="smollm2",
        image=image,
        created_at=now,
        phase=Phase.LAUNCH,
        phase_started_at=now,
    )
    if await stores.machines.active() is None:
        await stores.machines.create_intent(machine)
        await stores.machines.commit_launch(MACHINE, handle="i-0123456789abcdef0")
    beat = Heartbeat(machine_id=MACHINE, boot_id="boot-1", state=MachineState.READY, phase=None, idle_since=None)
    await stores.machines.heartbeat(beat, now=now)


@contextmanager
def _emulator() -> Iterator[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.aws_emulator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(20)


@contextmanager
def _keys() -> Iterator[tuple[str, RSAKey]]:
    key = RSAKey.generate_key(2048, {"kid": "bench"}, private=True)
    body = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/keys", key
        finally:
            server.shutdown()


def _token(key: RSAKey) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "anna",
        "client_id": "bench",
        "token_use": "access",
        "scope": "openid tlfif/use",
        "iat": now,
        "exp": now + 3600,
    }
    return jwt.encode({"alg": "RS256", "kid": "bench"}, claims, key)


def _places(endpoint: str) -> dict[str, str]:
    """Tables, queue, bucket and group of schedules, as the stack has them."""
    session = botocore.session.get_session()
    session.set_credentials("bench", "bench")

    def client(service: str) -> Any:
        config = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1})
        return session.create_client(service, region_name=REGION, endpoint_url=endpoint, config=config)

    with closing(client("dynamodb")) as dynamodb, closing(client("sqs")) as sqs:
        index = {
            "IndexName": "by_time",
            "KeySchema": _key("gpk", "gsk"),
            "Projection": {"ProjectionType": "ALL"},
        }
        _table(dynamodb, "bench-jobs", GlobalSecondaryIndexes=[index])
        _table(dynamodb, "bench-state")
        queue = sqs.create_queue(QueueName="bench-work")["QueueUrl"]
    with closing(client("s3")) as s3, closing(client("scheduler")) as scheduler:
        s3.create_bucket(Bucket="bench-texts", CreateBucketConfiguration={"LocationConstraint": REGION})
        scheduler.create_schedule_group(Name="bench")
    return {
        "HOME_NAME": "bench",
        "JOBS_TABLE": "bench-jobs",
        "STATE_TABLE": "bench-state",
        "QUEUE_URL": queue,
        "BUCKET": "bench-texts",
        "LAUNCH_TEMPLATE": "bench-machine",
        "SCHEDULE_GROUP": "bench",
        "SCHEDULE_ROLE": "arn:aws:iam::123456789012:role/bench",
        "SCHEDULE_DEAD_LETTERS": f"arn:aws:sqs:{REGION}:123456789012:bench-dead",
        "ROUTER_FUNCTION": "bench-router",
        "ISSUER": ISSUER,
        "CLIENT_ID": "bench",
        "SCOPE": "tlfif/use",
        "MODEL": "smollm2",
    }


def _table(dynamodb: Any, name: str, **more: Any) -> None:
    keys = ("pk", "sk", "gpk", "gsk") if more else ("pk", "sk")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=_key("pk", "sk"),
        **more,
    )


def _key(first: str, second: str) -> list[dict[str, str]]:
    return [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]
