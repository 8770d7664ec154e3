"""``POST /v1/infer`` takes all that a request can ask for, and the job shows it."""

from tests.functional.api_server import ApiServer
from tlfif.jobs.jobs import DeltaWrite, JobStatus, Outcome
from tlfif.jobs.pieces import CallPiece, Piece, Vector

ASKED = {
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ["\n\n", "END"],
    "logit_bias": {"17": -100.0},
    "logprobs": 3,
    "form": {"json_schema": {"type": "object", "properties": {"b": {}, "a": {}}}},
    "tools": [{"name": "weather", "description": "How it is", "parameters": {"type": "object"}, "strict": True}],
    "tool_choice": "function:weather",
    "parallel_tool_calls": False,
}
MESSAGES = [
    {"role": "user", "content": "Is it raining?", "name": "Anna"},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "name": "weather", "arguments": "{}"}]},
    {"role": "tool", "content": "", "tool_call_id": "a"},
]


def test_a_job_shows_what_was_asked_for(api: ApiServer) -> None:
    with api.client() as http:
        accepted = http.post("/v1/infer", json={"messages": MESSAGES, "seed": 7, **ASKED})
        assert accepted.status_code == 202, accepted.text
        job = http.get(f"/v1/jobs/{accepted.json()['job_id']}").json()
    assert job["messages"] == MESSAGES
    assert job["asked"].pop("temperature") == job["temperature"]
    assert job["asked"] == {**ASKED, "seed": 7}
    assert list(job["asked"]["form"]["json_schema"]["properties"]) == ["b", "a"], "a grammar keeps the order"


def test_a_limit_beyond_the_room_is_cut_where_that_is_asked_for(api: ApiServer) -> None:
    asked = {"prompt": "Hello", "max_tokens": 10**6, "fits_max_tokens": True}
    with api.client() as http:
        job_id = http.post("/v1/infer", json=asked).json()["job_id"]
        assert 1500 < http.get(f"/v1/jobs/{job_id}").json()["max_tokens"] <= 2048


def test_other_tasks(api: ApiServer) -> None:
    with api.client() as http:
        for task in ("completion", "embedding"):
            accepted = http.post("/v1/infer", json={"prompt": "A river", "task": task}).json()
            assert http.get(f"/v1/jobs/{accepted['job_id']}").json()["asked"]["task"] == task
        refused = http.post("/v1/infer", json={"prompt": "A river", "task": "embedding", "tools": ASKED["tools"]})
        assert (refused.status_code, refused.json()["code"]) == (422, "fields_conflict")


def test_the_calls_of_an_answer_are_put_together(api: ApiServer) -> None:
    api.empty_queue()
    with api.client() as http:
        job_id = http.post("/v1/infer", json={"prompt": "Is it raining?"}).json()["job_id"]
        claimed = api.claim()
        pieces = (
            CallPiece(index=0, id="a", name="weather", arguments='{"city":'),
            CallPiece(index=0, arguments='"V"}'),
        )
        writes = [
            DeltaWrite(lease=claimed.lease, seq=seq, piece=Piece(tool_calls=(call,)))
            for seq, call in enumerate(pieces, start=3)
        ]
        api.run(api.container.jobs.append(writes, now=api.container.clock.now()))
        api.finish(claimed, 5, Outcome(status=JobStatus.SUCCEEDED))
        job = http.get(f"/v1/jobs/{job_id}").json()
    assert (job["answer"], job["tool_calls"]) == ("", [{"id": "a", "name": "weather", "arguments": '{"city":"V"}'}])


def test_long_events_come_page_by_page(api: ApiServer) -> None:
    api.empty_queue()
    with api.client() as http:
        job_id = http.post("/v1/infer", json={"prompt": "A river", "task": "embedding"}).json()["job_id"]
        claimed = api.claim()
        long = Piece(embeddings=(Vector(index=0, values=(0.0123456789,) * 60_000),))  # 840,000 letters
        writes = [DeltaWrite(lease=claimed.lease, seq=seq, piece=long) for seq in range(3, 8)]
        api.run(api.container.jobs.append(writes, now=api.container.clock.now()))
        api.finish(claimed, 8, Outcome(status=JobStatus.SUCCEEDED))
        pages, after = [], 0
        while after < 8:
            page = http.get(f"/v1/jobs/{job_id}/events", params={"after": after}).json()
            after = page["last_seq"]
            pages.append([event["seq"] for event in page["events"]])
    assert pages == [[1, 2, 3, 4], [5, 6], [7, 8]]
