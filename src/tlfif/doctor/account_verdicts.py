"""Verdicts on the AWS account: from AWS's answers to findings. Pure."""

from collections.abc import Mapping, Sequence

from tlfif.doctor import checks
from tlfif.doctor.checks import Finding, not_asked

CONSOLE = "https://console.aws.amazon.com"
LEAST_LAMBDA = 3
"""The API, the router, and one more prompt."""
RESERVING_LAMBDA = 114
"""Concurrency can be reserved from here on: 100 must stay unreserved, and the home takes 14."""


def credentials(*, account: str, arn: str, source: str) -> Finding:
    """Whose key it is. ``source``: where the key was found."""
    found = f"AWS knows it as {arn}, account {account} (key from {source})."
    if arn.endswith(":root"):
        return checks.CREDENTIALS.warn(
            found,
            "This is the root user's key: whoever gets it owns the account. Make an administrator, use that, and "
            "delete this key under Security credentials. Free, ten minutes.",
        )
    return checks.CREDENTIALS.ok(found)


def refused_credentials(why: str) -> Finding:
    """There is a key, but AWS or this computer does not accept it."""
    return checks.CREDENTIALS.fail(
        f"There is a key, but it does not work: {why}",
        "A key of IAM Identity Center lasts hours: run `aws sso login`. Another one may be mistyped or deleted: make a "
        "new one. If the clock above is off, set it first. Free, some minutes.",
    )


def region(name: str, opt_in_status: str | None) -> Finding:
    """``opt_in_status`` as EC2 reports it; None if EC2 does not know the region."""
    if opt_in_status in {"opt-in-not-required", "opted-in"}:
        return checks.REGION.ok(f"{name} is switched on ({opt_in_status}, EC2).")
    return checks.REGION.fail(
        f"{name} is not switched on for this account ({opt_in_status or 'unknown to it'}, EC2).",
        f"In the AWS console click your name, Account, AWS Regions, {name}, Enable (free, minutes to hours), or take "
        "another region: ./tlfif doctor --region us-east-1.",
    )


def no_account_plan() -> Finding:
    """AWS has no plan for the account."""
    return not_asked(
        checks.ACCOUNT_PLAN,
        "AWS keeps no plan for this account (freetier GetAccountPlanState: ResourceNotFoundException), as may be for "
        "accounts from before 15 July 2025.",
        "If the account is newer: Billing and Cost Management shows its plan; it must be the Paid one. Costs nothing.",
    )


def capacity() -> Finding:
    """AWS has no API for it."""
    return not_asked(
        checks.CAPACITY,
        "Whether a machine is free AWS tells only when one is launched. Its Spot placement score is not asked: it is "
        "about another kind of machine. A launch that finds none costs nothing and is tried again every two minutes.",
    )


def lambda_concurrency(limit: int) -> Finding:
    """``limit``: how many calls may run at the same time in the region."""
    found = f"{limit} calls at the same time (Lambda GetAccountSettings)"
    if limit < LEAST_LAMBDA:
        return checks.LAMBDA.fail(
            f"{found}; the home needs {LEAST_LAMBDA}.",
            f"Open {CONSOLE}/servicequotas , AWS Lambda, “Concurrent executions”, and ask for 1000. Free; "
            "hours to days.",
        )
    if limit < RESERVING_LAMBDA:
        return checks.LAMBDA.ok(f"{found}: enough for you. Nothing is reserved, because AWS refuses that below 114.")
    return checks.LAMBDA.ok(f"{found}.")


def github_connection(statuses: Mapping[str, str]) -> Finding:
    """``statuses``: each GitHub connection's name and its status in CodeConnections."""
    if not statuses:
        return checks.GITHUB.warn(
            "No GitHub connection (CodeConnections). Prompts need none; images do not follow your commits.",
            "Only if you want that: in the AWS console, Developer Tools, Settings, Connections, “Create connection”, "
            "GitHub; then ./tlfif deploy --connection ARN --repository OWNER/NAME. Free, two minutes; a build costs.",
        )
    shown = ", ".join(f"{name}: {status}" for name, status in sorted(statuses.items()))
    if "AVAILABLE" in statuses.values():
        return checks.GITHUB.ok(f"{shown} (CodeConnections); `./tlfif deploy --connection ARN` has it build images.")
    return checks.GITHUB.warn(
        f"{shown} (CodeConnections): no commit reaches AWS until you confirm it.",
        "In the AWS console open Developer Tools, Settings, Connections, choose it, “Update pending connection”, and "
        "allow GitHub. Free, two minutes, once.",
    )


def cost_explorer(answered: bool, words: str = "") -> Finding:
    """Only with ``--paid``. ``words``: AWS's own if it did not answer."""
    if answered:
        return checks.COST_EXPLORER.ok("Switched on: it answered (this question cost $0.01).")
    return checks.COST_EXPLORER.warn(
        f"It did not answer: {words}",
        "In the AWS console open Billing and Cost Management, Cost Explorer, “Launch Cost Explorer”. Free; the first "
        "figures take 24 hours. Until then “billed by AWS” stays empty and TL-FIF's own meter goes on.",
    )


def cost_explorer_not_paid_for() -> Finding:
    """Without ``--paid``."""
    return not_asked(
        checks.COST_EXPLORER,
        "Each question to Cost Explorer costs $0.01, so it was not asked.",
        "To ask it: ./tlfif doctor --paid ($0.01).",
    )


def root_user(*, mfa: bool, access_keys: bool) -> Finding:
    """The root user, according to IAM's summary."""
    wrong = []
    if not mfa:
        wrong.append("it has no second factor (MFA)")
    if access_keys:
        wrong.append("it has access keys")
    if not wrong:
        return checks.ROOT.ok("Second factor on, no access keys (IAM GetAccountSummary).")
    return checks.ROOT.warn(
        f"Root user: {' and '.join(wrong)} (IAM GetAccountSummary). Who gets in owns the account and its bill.",
        "Sign in as the root user, click your name, Security credentials: “Assign MFA device”, and delete every access "
        "key there. Free with an app on your phone, five minutes.",
    )


def alarm_address(subscriptions: Sequence[tuple[str, str]] | None, topic: str) -> Finding:
    """``subscriptions``: each address and its ARN, which is ``PendingConfirmation`` until the mail is confirmed; None
    if the topic does not exist."""
    if subscriptions is None:
        return checks.ALARM_ADDRESS.warn(
            f"There is no topic {topic} (SNS): nothing is deployed here yet.",
            "./tlfif deploy makes it and asks for your address. Free.",
        )
    pending = [address for address, arn in subscriptions if not arn.startswith("arn:")]
    if not subscriptions:
        return checks.ALARM_ADDRESS.warn(
            f"Nobody listens to {topic} (SNS): alarms go nowhere.", "Run ./tlfif deploy again with your address. Free."
        )
    if pending:
        return checks.ALARM_ADDRESS.warn(
            f"Not confirmed: {', '.join(pending)} (SNS). Alarms do not reach it.",
            "Open the mail “AWS Notification - Subscription Confirmation” and click “Confirm subscription”; look in "
            "the spam folder as well. It is good for three days; after that: AWS console, SNS, Subscriptions, "
            "choose it, “Request confirmation”. Free.",
        )
    return checks.ALARM_ADDRESS.ok(f"Confirmed: {', '.join(address for address, _ in subscriptions)} (SNS).")


def budget(limit: str | None, name: str) -> Finding:
    """``limit``: amount and currency; None if there is no such budget."""
    if limit is None:
        return checks.BUDGET.warn(
            f"There is no budget {name} (AWS Budgets): AWS warns nobody when the month gets expensive.",
            "./tlfif deploy makes it. Free. AWS's mails come 8 to 12 hours late; TL-FIF's own limit stops at once.",
        )
    return checks.BUDGET.ok(f"{name}: {limit} a month (AWS Budgets).")


def disk_encryption(on: bool, region_name: str) -> Finding:
    """The default for new disks in the region; the machines' own disks are encrypted in any case."""
    if on:
        return checks.ENCRYPTION.ok(f"On in {region_name} (EC2 GetEbsEncryptionByDefault).")
    return checks.ENCRYPTION.warn(
        f"Off in {region_name} (EC2 GetEbsEncryptionByDefault). TL-FIF's own disks are encrypted all the same.",
        "./tlfif deploy switches it on; or EC2, Settings, “EBS encryption”, Enable. Free, at once.",
    )
