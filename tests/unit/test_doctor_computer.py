"""Verdicts on this computer, state by state."""

from datetime import date, datetime, timedelta

import pytest

from tlfif.doctor import computer_verdicts as verdicts
from tlfif.doctor.checks import Finding, State
from tlfif.doctor.computer_verdicts import ModelFact

NOW = datetime(2026, 11, 30, 12, 0)  # as the person reads it
OK, WARN, FAIL = State.OK, State.WARN, State.FAIL
READY, ABSENT = ModelFact(name="tinyllama", state="ready", is_default=True), ModelFact(name="smollm2", state="absent")
CORRUPT = ModelFact(name="tinyllama", state="corrupt", problem="its size is wrong", is_default=True)


def server(*, url: str | None = None, locked: bool = False) -> Finding:
    return verdicts.server(url=url, locked=locked, log="server.log")


def ports(*taken: int, problem: str = "") -> Finding:
    return verdicts.loopback(problem=problem, taken=taken, ports=(1, 2, 3))


def signed_in(who: str | None = None, *, has_home: bool = True, active: bool = False, problem: str = "") -> Finding:
    return verdicts.sign_in(has_home=has_home, active=active, who=who, problem=problem)


CASES = [
    (verdicts.python_version((3, 10, 14)), FAIL, "3.10.14"),
    (verdicts.python_version((3, 11, 0)), OK, "3.11.0"),
    (verdicts.python_version((3, 14, 9)), OK, "3.14.9"),
    (verdicts.python_version((3, 15, 0)), WARN, "3.11 to 3.14"),
    (verdicts.settings([]), OK, "No setting is misspelt"),
    (verdicts.settings(["TLFIF_X: no.", "tlfif_home: no."]), FAIL, "TLFIF_X: no. tlfif_home: no."),
    (verdicts.folder("/f", exists=True, problem=""), OK, "/f can be written"),
    (verdicts.folder("/f", exists=False, problem=""), OK, "will be made"),
    (verdicts.folder("/f", exists=True, problem="Read-only file system"), FAIL, "Read-only file system"),
    (verdicts.folder("/f", exists=True, problem="", refused="Yours no more."), FAIL, "Yours no more."),
    (verdicts.api_token(mode=None, trusted=False), OK, "first starts"),
    (verdicts.api_token(mode=0o600, trusted=True), OK, "0600"),
    (verdicts.api_token(mode=0o644, trusted=True), WARN, "may read the file api-token (mode 0644)"),
    (verdicts.api_token(mode=0o600, trusted=False), WARN, "no token"),
    (verdicts.database(exists=False, damage=""), OK, "first question"),
    (verdicts.database(exists=True, damage=""), OK, "no damage"),
    (verdicts.database(exists=True, damage="", refused="A newer TL-FIF wrote it."), FAIL, "A newer TL-FIF"),
    (verdicts.database(exists=True, damage="row 3 missing from index"), FAIL, "row 3 missing from index"),
    (verdicts.job_store(), OK, "The job file"),
    (verdicts.job_store(server="redis://here (version 7.0.15)"), OK, "takes nothing that was accepted"),
    (verdicts.job_store(server="redis://here", may_lose="It loses a second."), WARN, "It loses a second."),
    (verdicts.job_store(server="redis://here", refused="It does not answer."), FAIL, "It does not answer."),
    (verdicts.disk_space(2_000_000_000), OK, "2.0 GB"),
    (verdicts.disk_space(1_000_000_000), OK, "1.0 GB"),
    (verdicts.disk_space(999_999_999), WARN, "too little"),
    (verdicts.disk_space(199_999_999), FAIL, "may not be storable"),
    (verdicts.models([READY, ABSENT]), OK, "tinyllama"),
    (verdicts.models([ABSENT]), WARN, "No model"),
    (verdicts.models([]), WARN, "No model"),
    (verdicts.models([CORRUPT]), FAIL, "its size is wrong"),
    (verdicts.models([CORRUPT, ModelFact(name="smollm2", state="ready")]), WARN, "its size is wrong"),
    (server(url="http://127.0.0.1:1"), OK, "http://127.0.0.1:1"),
    (server(), OK, "Not running"),
    (server(locked=True), FAIL, "does not answer"),
    (verdicts.window(""), OK, "tkinter"),
    (verdicts.window("No screen\nhere.\n\nA long text"), WARN, "No screen here."),
    (ports(), OK, "3 of the sign-in's 3"),
    (ports(1, 2), OK, "1 of the sign-in's 3"),
    (ports(1, 2, 3), WARN, "1, 2, 3"),
    (ports(problem="Permission denied"), FAIL, "Permission denied"),
    (verdicts.clock(60), OK, "60 s ahead of"),
    (verdicts.clock(-61), WARN, "61 s behind"),
    (verdicts.clock(300), WARN, "300 s"),
    (verdicts.clock(-600), FAIL, "600 s behind"),
    (verdicts.clock_jumps([], NOW), OK, "30 days"),
    (verdicts.clock_jumps([(NOW, 120.0), (NOW - timedelta(days=31), 7200.0)], NOW), OK, "did not jump"),
    (verdicts.clock_jumps([(NOW, 3 * 3600.0)], NOW), WARN, "once on 30 Nov 2026, 12:00: 3 h 0 min ahead"),
    (
        verdicts.clock_jumps([(NOW, 7200.0), (NOW, -660.0)], NOW),
        WARN,
        "2 times, the last time on 30 Nov 2026, 12:00: 0 h 11 min back",
    ),
    (verdicts.price_book(date(2026, 8, 25), date(2026, 11, 23), "eu-west-1"), OK, "90 days"),
    (verdicts.price_book(date(2026, 8, 24), date(2026, 11, 23), "eu-west-1"), WARN, "91 days"),
    (verdicts.price_book(date(2027, 1, 1), date(2026, 11, 23), "eu-west-1"), OK, "0 days"),
    (verdicts.way_out(proxy="", problem="", aws_knows_it=True), OK, "No proxy"),
    (verdicts.way_out(proxy="http://p:1 (HTTPS_PROXY)", problem="", aws_knows_it=True), OK, "http://p:1 (HTTPS_PROXY)"),
    (verdicts.way_out(proxy="socks5://p:1 (HTTPS_PROXY)", problem="", aws_knows_it=False), WARN, "knows no SOCKS"),
    (verdicts.way_out(proxy="", problem="ALL_PROXY is x", aws_knows_it=True), FAIL, "ALL_PROXY is x"),
    (verdicts.profile(active="computer", region=None, problem=""), OK, "no home on AWS yet"),
    (verdicts.profile(active="computer", region="eu-west-1", problem=""), OK, "talk to this computer"),
    (verdicts.profile(active="aws", region="eu-west-1", problem=""), OK, "talk to the home on AWS in eu-west-1"),
    (verdicts.profile(active="computer", region=None, problem="It is damaged."), FAIL, "It is damaged."),
    (signed_in(has_home=False), OK, "Not needed"),
    (signed_in("me@example.com"), OK, "as me@example.com"),
    (signed_in(""), OK, "Signed in."),
    (signed_in(), WARN, "Nobody"),
    (signed_in(active=True), FAIL, "Nobody"),
    (signed_in(problem="The keyring did not open."), WARN, "did not open"),
    (verdicts.token_storage(keyring="Keychain", has_home=True), OK, "Keychain"),
    (verdicts.token_storage(keyring=None, has_home=False), OK, "private file"),
    (verdicts.token_storage(keyring=None, has_home=True), WARN, "sign-in.json"),
]


@pytest.mark.requirement("10.7.1")
@pytest.mark.parametrize(("found", "state", "words"), CASES)
def test_a_fact_gives_its_verdict(found: Finding, state: State, words: str) -> None:
    assert found.state is state
    assert words in found.evidence
    assert bool(found.cure) == (state is not OK)
