"""CodePipeline's answers to a job's worker, for which the emulator has nothing: it keeps what it is told."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

OVER = "InvalidJobStateException"


@dataclass
class FakeCodePipeline:
    """``told`` are operations with their input. ``messages``: a commit's message by execution. ``over``: nobody waits
    for the next answer any more. ``deaf``: so many of the next requests get no answer but a fault of AWS's own."""

    endpoint: str = ""
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    over: bool = False
    deaf: int = 0

    def answer(self, operation: str, asked: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Status and body."""
        if self.deaf:
            self.deaf -= 1
            return 500, {"__type": "InternalFailure", "message": "no"}
        if operation == "GetPipelineExecution":
            summary = self.messages.get(asked["pipelineExecutionId"])
            if summary is None:
                return 400, {"__type": "PipelineExecutionNotFoundException", "message": "no"}
            return 200, {"pipelineExecution": {"artifactRevisions": [{"name": "Source", "revisionSummary": summary}]}}
        if self.over:
            return 400, {"__type": OVER, "message": "The job is over"}
        self.told.append((operation, asked))
        return 200, {}


@contextmanager
def codepipeline() -> Iterator[FakeCodePipeline]:
    """The fake behind a socket."""
    fake = FakeCodePipeline()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = fake.answer(self.headers["X-Amz-Target"].rpartition(".")[2], asked)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
