"""Every error code that TL-FIF raises: its HTTP status, the exit code of a command, what it means and what to do.

A code never changes its meaning. docs/reference/errors.md is made from these tables by ``python dev/tables.py``.
"""

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """``status`` is the HTTP status of a refusal, None where the code is never one. ``meaning`` and ``remedy`` are
    Markdown for docs/reference/errors.md; people read the sentence that the error itself carries."""

    status: int | None
    exit: int
    meaning: str
    remedy: str


# fmt: off
REQUEST = {
    "json_malformed": ErrorCode(400, 2, "The body is not JSON in UTF-8, or nested too deeply, or has a number with thousands of digits.", "Mend the place that the sentence names."),
    "repeated_field": ErrorCode(400, 2, "A field is in the body twice.", "Send it once."),
    "job_not_found": ErrorCode(404, 2, "There is no job by that id.", "Look at the list of jobs."),
    "machine_not_found": ErrorCode(404, 2, "There is no record of that machine.", "Look at the machine's state."),
    "not_found": ErrorCode(404, 2, "There is nothing by that name.", "Check the name."),
    "route_not_found": ErrorCode(404, 2, "There is nothing at that address.", "Look into `/v1/openapi.json`."),
    "method_not_allowed": ErrorCode(405, 2, "The address takes another method.", "Use the one that the sentence names."),
    "idempotency_conflict": ErrorCode(409, 2, "The idempotency key was used before with another request.", "Take a new key for a new request."),
    "job_not_ended": ErrorCode(409, 2, "The job still waits or runs, so it cannot be deleted.", "Cancel it first: `./tlfif jobs cancel ID`."),
    "body_too_large": ErrorCode(413, 2, "The body is larger than 1 MiB.", "Shorten it."),
    "content_type_wrong": ErrorCode(415, 2, "The body was not sent as JSON.", "Send `Content-Type: application/json`."),
    "body_missing": ErrorCode(422, 2, "The request needs a body and has none.", "Send a JSON object."),
    "budget_invalid": ErrorCode(422, 2, "The limit is not an amount in EUR from 0.01 to 100,000.", "Give one such as 20."),
    "cursor_invalid": ErrorCode(422, 2, "The event number or the page mark cannot be one.", "Take it from an earlier answer, or start from the beginning."),
    "cursor_past_end": ErrorCode(422, 2, "The event number is beyond the job's last event.", "Start again from 0."),
    "idempotency_key_invalid": ErrorCode(422, 2, "The key is not 1 to 200 visible ASCII characters.", "Take another key."),
    "idle_timeout_out_of_range": ErrorCode(422, 2, "The idle time-out is not from 0.1 to 240 minutes. There is no \"never\".", "Choose a value in the range."),
    "instance_type_unknown": ErrorCode(422, 2, "There are no prices for that type of machine.", "Use one that the sentence names."),
    "invalid_input": ErrorCode(422, 2, "The request cannot be accepted for another reason.", "Read the sentence."),
    "last_message_not_user": ErrorCode(422, 2, "The conversation does not end with the user's turn.", "End it with the message to answer."),
    "limit_out_of_range": ErrorCode(422, 2, "A page holds 1 to 100 rows.", "Choose a value in the range."),
    "max_tokens_out_of_range": ErrorCode(422, 2, "`max_tokens` (`--max-tokens`) is not a whole number from 1 to 2048.", "Choose a value in the range."),
    "messages_empty": ErrorCode(422, 2, "The conversation has no message.", "Send at least one."),
    "messages_too_many": ErrorCode(422, 2, "The conversation has more than 256 messages.", "Leave the oldest out."),
    "missing_field": ErrorCode(422, 2, "A field that is needed is missing.", "Add the field that the sentence names."),
    "model_file_invalid": ErrorCode(422, 2, "The file named after `file:` is not there, is a folder, cannot be read, or is no GGUF model; or no path follows.", "Check the path."),
    "n_out_of_range": ErrorCode(422, 2, "`n` is not 1.", "Ask once for each answer."),
    "price_implausible": ErrorCode(422, 2, "A new price is zero, below zero or ten times off. The old one is kept.", "Refresh again another day."),
    "prompt_empty": ErrorCode(422, 2, "The prompt is empty or blank.", "Type something."),
    "prompt_not_text": ErrorCode(422, 2, "The prompt has a control character or half of a character in it.", "Remove it; type it again instead of pasting."),
    "prompt_or_messages": ErrorCode(422, 2, "There is neither `prompt` nor `messages`, or both.", "Send one of the two."),
    "prompt_too_long": ErrorCode(422, 2, "The prompt and the answer do not fit into the model's context together. Where only the engine can tell, the job ends as failed with this code (exit 3).", "Shorten the prompt, or ask for a shorter answer."),
    "region_unknown": ErrorCode(422, 2, "There are no prices for that region.", "Use one that the sentence names."),
    "repeated_parameter": ErrorCode(422, 2, "A parameter is in the address twice.", "Give it once."),
    "role_unknown": ErrorCode(422, 2, "A message's role is none of system, user, assistant.", "Use one of them."),
    "seed_out_of_range": ErrorCode(422, 2, "`seed` is not a whole number from 0 to 4294967294.", "Choose a value in the range, or leave it out."),
    "status_unknown": ErrorCode(422, 2, "There is no such status of a job.", "Use one that the sentence names."),
    "system_empty": ErrorCode(422, 2, "The system text is blank.", "Leave it out, or write something."),
    "system_not_text": ErrorCode(422, 2, "The system text has a control character or half of a character in it.", "Remove it."),
    "temperature_out_of_range": ErrorCode(422, 2, "`temperature` is not a number from 0 to 2.", "Choose a value in the range."),
    "text_broken": ErrorCode(422, 2, "There is half of a character in a field's name or value.", "Type it again instead of pasting."),
    "unknown_field": ErrorCode(422, 2, "The request has a field that does not exist.", "Remove it or check its spelling."),
    "unknown_model": ErrorCode(422, 2, "There is no model by that name.", "Use one that the sentence names, or `file:PATH.gguf`."),
    "unknown_parameter": ErrorCode(422, 2, "The address has a parameter that does not exist.", "Remove it or check its spelling."),
    "unknown_value": ErrorCode(422, 2, "A field takes only certain values, and this is none of them.", "Use one that the sentence names."),
    "wait_out_of_range": ErrorCode(422, 2, "`wait` is not from 0 to 30 seconds.", "Choose a value in the range."),
    "wrong_type": ErrorCode(422, 2, "A field or parameter has a value of the wrong kind.", "Send what the sentence asks for."),
}
"""The request must be changed."""
STATE = {
    "conflict": ErrorCode(409, 2, "The present state forbids the request.", "Read the sentence."),
    "budget_locked": ErrorCode(409, 4, "The month's budget is used up. Nothing was stored or started.", "`./tlfif budget release`, or `./tlfif budget set AMOUNT`"),
    "budget_no_room": ErrorCode(409, 4, "A start does not fit into what is left of the month's budget. The sentence has the figures.", "Shorten the idle time-out, or one of the two above."),
    "lease_lost": ErrorCode(409, 2, "A worker wrote to a job that is no longer its own.", "Nothing: another worker has the job."),
    "job_lost": ErrorCode(409, 2, "A job's events ended without an end.", "Look into the server's log."),
    "machine_busy_other_model": ErrorCode(409, 4, "A start names a model, and the machine that runs has another one. Nothing was changed.", "`./tlfif machine stop` first, or ask with `--model NAME`, which changes it."),
    "model_absent": ErrorCode(409, 4, "The model is not on this computer.", "`./tlfif model pull NAME`"),
    "model_corrupt": ErrorCode(409, 4, "The model's file is damaged and is not used.", "`./tlfif model pull NAME`"),
    "model_failed": ErrorCode(409, 4, "The model cannot be used.", "Read the sentence."),
    "hub_unreachable": ErrorCode(409, 4, "The model hub does not answer.", "Check the network; the small model answers meanwhile."),
    "hub_refused": ErrorCode(409, 4, "The source does not have the file that TL-FIF was tested with.", "Use another model."),
    "model_in_image": ErrorCode(409, 4, "On AWS the model is part of the machine image.", "A new image is built by a push to Git."),
    "hub_interrupted": ErrorCode(409, 4, "The fetch broke off again and again.", "Pull again; it goes on where it stopped."),
    "disk_full": ErrorCode(409, 4, "There is no room for the model.", "Free some space, pull again."),
    "disk_failed": ErrorCode(409, 4, "The model could not be written.", "Check the folder's permissions."),
    "queue_full": ErrorCode(429, 5, "As many prompts wait as may. Nothing was stored.", "Send it again later."),
}
"""The request is fine; the present state forbids it."""
ACCESS = {
    "token_wrong": ErrorCode(401, 5, "The bearer token is missing or wrong.", "On this computer: take it from the file `api-token`. On AWS: sign in, `./tlfif login`."),
    "token_expired": ErrorCode(401, 5, "The sign-in has run out.", "Sign in again: `./tlfif login`."),
    "keys_unreachable": ErrorCode(503, 5, "The keys that sign-ins are checked by cannot be read; nothing was started.", "Try again in a minute."),
    "not_allowed": ErrorCode(401, 5, "The caller may not do this.", "Read the sentence."),
    "origin_not_allowed": ErrorCode(403, 5, "The request comes from a web page.", "Use a program."),
    "host_wrong": ErrorCode(421, 5, "The request was sent to another name than the server's own.", "Use the address in `server.json`."),
    "internal_error": ErrorCode(500, 5, "TL-FIF made a mistake.", "Look into the server's log; report it."),
    "http_error": ErrorCode(500, 5, "The request could not be answered.", "Look into the server's log."),
    "error": ErrorCode(500, 5, "An error without a code of its own.", "Read the sentence."),
    "engine_failed": ErrorCode(500, 5, "The engine failed.", "The worker tries again by itself."),
    "engine_gone": ErrorCode(500, 5, "The engine ended or does not answer.", "The worker tries again by itself."),
    "machine_failed": ErrorCode(503, 4, "The machine did not start or did not survive.", "Read the reason; start it again."),
    "storage_failed": ErrorCode(503, 5, "The store could not read or write. Nothing was accepted.", "Free disk space or fix the store, then repeat."),
    "unavailable": ErrorCode(503, 5, "Something that is needed does not answer.", "Try again."),
    "answer_pending": ErrorCode(503, 5, "The host does not keep a request open for so long. The answer goes on; `job_id` says which.", "Read it later: `./tlfif jobs show ID`."),
    "router_unreachable": ErrorCode(503, 5, "The order to start the machine did not arrive. Nothing was started.", "Press start again."),
    "price_list_unreachable": ErrorCode(503, 5, "AWS's price list could not be read, or broke off. The prices known so far are used.", "Check the network, refresh again."),
    "price_list_malformed": ErrorCode(503, 5, "What came is not a whole price list. Nothing was taken from it.", "Refresh again later."),
    "exchange_unreachable": ErrorCode(503, 5, "The European Central Bank's rate could not be read. The rate known so far is used.", "Check the network, refresh again."),
    "exchange_malformed": ErrorCode(503, 5, "What came is not the bank's rate of the dollar, or cannot be right.", "Refresh again later."),
}
"""The caller is not allowed, or something that is needed does not answer."""
AWS = {
    "account_pending": ErrorCode(503, 4, "AWS has not opened the account for machines yet, or has closed it. Nothing was started.", "Wait for AWS's message, or ask AWS Support; then start the machine."),
    "account_plan": ErrorCode(503, 4, "The account is on the Free plan, which has no GPU machines. Nothing was started.", "Press \"Upgrade plan\" in the AWS console (Billing and Cost Management), then start the machine."),
    "aws_busy": ErrorCode(503, 4, "AWS turned several requests in a row away. The sentence says whether something may have been started.", "Nothing: it is tried again."),
    "aws_denied": ErrorCode(503, 4, "AWS does not know TL-FIF's key, or does not permit the action that the sentence names.", "`./tlfif deploy` again; `./tlfif doctor`"),
    "aws_unreachable": ErrorCode(503, 4, "AWS does not answer. The sentence says whether something may have been started.", "Check the network; it is tried again."),
    "image_missing": ErrorCode(503, 4, "There is no image, or no launch template, to start from. Nothing was started.", "Building images is not part of this version yet; meanwhile `./tlfif profile use computer`"),
    "no_capacity": ErrorCode(503, 4, "No zone has a GPU machine of the configured types free. Nothing was started.", "Nothing: the prompts wait, and it is asked again every two minutes."),
    "no_quota": ErrorCode(503, 4, "The account may not run so many virtual processors of GPU machines (quota L-DB2E81BA), or not fill one more disk at a set speed. Nothing was started.", "Ask for 8 in Service Quotas, then start the machine; for the disk, wait some minutes."),
    "no_schedule": ErrorCode(503, 4, "A machine was started, but not the timer that ends it in any case; so it was ended again. That costs about 0.10 USD at most.", "`./tlfif doctor`, then start the machine."),
}
"""AWS gives no machine."""
BILL = {
    "bill_clock_wrong": ErrorCode(None, 0, "The last question is written down for a day that is still to come.", "Nothing: the day's wait begins anew."),
    "bill_denied": ErrorCode(None, 0, "The router may not read the bill, or AWS does not know who asks.", "`./tlfif deploy` again; in an organisation, ask who pays."),
    "bill_failed": ErrorCode(None, 0, "AWS refused for the reason in the sentence.", "Read the sentence."),
    "bill_malformed": ErrorCode(None, 0, "The answer is not what was asked for: other days, another currency, a second page. Nothing was taken from it.", "Nothing; if it stays so, report it."),
    "bill_not_enabled": ErrorCode(None, 0, "Cost Explorer was never opened in this account.", "Open it once in the AWS console; [first day](../howto/first-day-on-aws.md#12-the-first-bill)."),
    "bill_not_ready": ErrorCode(None, 0, "Cost Explorer has no figures yet.", "Wait some days."),
    "bill_throttled": ErrorCode(None, 0, "Too many questions at once, other programs' included.", "Nothing."),
    "bill_unreachable": ErrorCode(None, 0, "No answer came, or it was lost.", "Nothing."),
}
"""Why the bill has no new figure: in ``billed.problem`` of an answer that itself succeeds."""
JOB = {
    "attempts_exhausted": ErrorCode(None, 3, "Three attempts ended without an answer.", "Send it again, or look at the machine first."),
    "engine_rejected": ErrorCode(None, 3, "The engine refuses this request.", "Change the prompt or the model."),
    "expired": ErrorCode(None, 3, "It waited longer than its limit.", "Send it again."),
    "job_cancelled": ErrorCode(None, 3, "It was cancelled.", "Send it again if it was not you."),
    "job_expired": ErrorCode(None, 3, "It waited longer than its limit.", "Send it again."),
    "job_failed": ErrorCode(None, 3, "It failed without saying why.", "Look into the server's log."),
    "machine_broken": ErrorCode(None, 4, "The machine failed to start several times in a row.", "Look at its log, start it by hand."),
    "run_timeout": ErrorCode(None, 3, "The answer took longer than its limit.", "Ask for a shorter answer."),
    "started_over": ErrorCode(None, 3, "An OpenAI stream cannot say that the answer starts over, so it ended.", "Ask again."),
}
"""Why a job did not succeed: in its ``error`` and its last event."""
HERE = {
    "answer_malformed": ErrorCode(None, 5, "The server's answer is not what this version understands.", "Stop the server; the next command starts the right one."),
    "api_error": ErrorCode(None, 5, "The server could not be asked.", "Read the sentence."),
    "aws_credentials_wrong": ErrorCode(None, 5, "AWS does not know the credentials on this computer.", "Make a new access key."),
    "aws_expired": ErrorCode(None, 5, "The AWS sign-in on this computer has run out.", "Sign in to AWS again, repeat."),
    "aws_limit": ErrorCode(None, 5, "A limit of the account is reached.", "Raise it in Service Quotas, or remove what is not needed; repeat."),
    "aws_no_credentials": ErrorCode(None, 5, "There are no AWS credentials on this computer.", "`aws configure`, or `aws configure sso`; the first-day guide says how."),
    "aws_refused": ErrorCode(None, 5, "AWS refused a step of deploying or destroying for the reason in the sentence.", "Read the sentence; repeat."),
    "aws_region_disabled": ErrorCode(None, 5, "The account does not use this region or service yet.", "Switch the region on, or take another with `--region`."),
    "aws_profile_unknown": ErrorCode(None, 2, "`--profile` (or `AWS_PROFILE`) names a profile that this computer's `~/.aws` does not have.", "Use one that the sentence names."),
    "bucket_not_yours": ErrorCode(None, 5, "The bucket that the home's programs must lie in is in another account, or may not be looked at. Nothing was uploaded.", "Another `--name`, or a user with administrator rights."),
    "cancelled": ErrorCode(None, 3, "The job was cancelled elsewhere.", "Ask again if it was not you."),
    "change_would_lose": ErrorCode(None, 2, "The deployment would replace or remove a table, a bucket or the list of users. Nothing was changed in the home.", "Read the sentence; only if you want that, `--allow-losing NAME`."),
    "clock_wrong": ErrorCode(None, 5, "This computer's clock is over five minutes off, and AWS refuses its requests.", "Set the clock, repeat."),
    "connection_lost": ErrorCode(None, 5, "The connection broke.", "Repeat; prompts are not stored twice."),
    "deployed_elsewhere": ErrorCode(None, 2, "This computer's home on AWS is in another account or region.", "Use that account and region, or remove that home first."),
    "deployment_damaged": ErrorCode(None, 2, "`deployment.json` is not what TL-FIF wrote.", "Delete the file that the sentence names."),
    "email_invalid": ErrorCode(None, 2, "There is no e-mail address, or it is none.", "Add `--email you@example.com`."),
    "home_name_invalid": ErrorCode(None, 2, "A home's name is `tlfif` and up to 15 lower-case letters and digits, with no name of AWS's own in it.", "Choose another with `--name`."),
    "home_not_usable": ErrorCode(None, 5, "TL-FIF's folder cannot be used.", "Free disk space, mend its permissions, or set `TLFIF_HOME`."),
    "id_token_invalid": ErrorCode(None, 5, "The proof of who signed in is not right: forged, for another program, from another sign-in, or a clock is wrong.", "Look at this computer's clock; sign in again."),
    "interrupted": ErrorCode(None, 130, "You pressed Ctrl-C. The job was cancelled.", ""),
    "jobs_elsewhere": ErrorCode(None, 2, "In the window: prompts that are to be deleted are at another place than the one it talks to. Nothing was deleted.", "Choose that place in Settings, delete again."),
    "keyring_failed": ErrorCode(None, 5, "The keyring of this computer did not open.", "Unlock it, try again."),
    "machine_not_ready": ErrorCode(None, 4, "The machine was started and did not become ready.", "Read the reason."),
    "machines_stay": ErrorCode(None, 5, "AWS did not confirm the end of a machine in 15 minutes.", "End it in the AWS console; `./tlfif destroy` again."),
    "no_zone": ErrorCode(None, 5, "The region offers none of the GPU machine types.", "Choose another region."),
    "not_confirmed": ErrorCode(None, 2, "Nobody is there to be asked, and `--yes` was not typed.", "Add `--yes`."),
    "not_reachable": ErrorCode(None, 5, "No server answers, and none could be started.", "Look into the server's log."),
    "only_this_computer": ErrorCode(None, 2, "The command is for the server on this computer, and commands talk to the home on AWS.", "`./tlfif profile use computer`"),
    "package_failed": ErrorCode(None, 5, "The libraries of the functions on AWS could not be fetched or checked, or the package is too large. Nothing was uploaded.", "Check the network, run the command again."),
    "plot_failed": ErrorCode(None, 5, "The picture could not be drawn or written.", "Read the sentence; choose another place."),
    "plot_path_invalid": ErrorCode(None, 2, "The picture's file name does not end in `.png`, or its folder is not there.", "Choose another."),
    "port_out_of_range": ErrorCode(None, 2, "A port is from 1 to 65535.", "Choose another."),
    "port_taken": ErrorCode(None, 2, "Another program uses the port.", "Choose another with `--port`."),
    "profile_damaged": ErrorCode(None, 2, "`profile.json` is not what TL-FIF wrote.", "Delete the file that the sentence names."),
    "profile_fixed": ErrorCode(None, 2, "In the window: `TLFIF_PROFILE` stands above the choice of the place.", "Start the window without it."),
    "profile_invalid": ErrorCode(None, 2, "The home on AWS cannot have such an address, name or port.", "Correct the field that the sentence names."),
    "profile_missing": ErrorCode(None, 2, "There is no home on AWS yet.", "`./tlfif deploy`, or `./tlfif profile use computer`"),
    "profile_unknown": ErrorCode(None, 2, "There is no such profile.", "Use `computer` or `aws`."),
    "pull_failed": ErrorCode(None, 4, "The fetch of a model ended before it was whole.", "Pull again; it goes on where it stopped."),
    "python_missing": ErrorCode(None, 5, "The functions on AWS run another version of Python than this computer has, so their package would start slowly. Nothing was uploaded.", "Install that version, or accept it: `--slow-start`."),
    "server_gone": ErrorCode(None, 5, "The server started and ended again.", "Look into its log."),
    "server_running": ErrorCode(None, 2, "A server runs already.", "`./tlfif serve --stop`"),
    "server_silent": ErrorCode(None, 5, "The server did not answer in time.", "Look into its log."),
    "server_stays": ErrorCode(None, 5, "The server did not end in time.", "Look into its log."),
    "server_stopped": ErrorCode(None, 5, "The server was stopped while a command waited.", "Ask again; waiting prompts are kept."),
    "settings_invalid": ErrorCode(None, 2, "Settings are wrong; all of them are named.", "Correct them."),
    "sign_in_busy": ErrorCode(None, 5, "Another TL-FIF program has been at the sign-in for 45 s.", "End it, try again."),
    "sign_in_malformed": ErrorCode(None, 5, "The provider that signs you in does not answer as it must.", "Try again later; look at the addresses in `profile.json`."),
    "sign_in_not_ours": ErrorCode(None, 5, "What came back from the browser is not the answer to this sign-in.", "`./tlfif login` again; close pages that you do not know."),
    "sign_in_ports_taken": ErrorCode(None, 5, "Other programs use the three ports that a sign-in comes back on.", "End one of them, try again."),
    "sign_in_refused": ErrorCode(None, 5, "The sign-in was declined in the browser, or the provider refused it.", "Read the sentence; `./tlfif login` again."),
    "sign_in_timeout": ErrorCode(None, 5, "Nobody signed in within 5 minutes.", "`./tlfif login` again."),
    "sign_in_unreachable": ErrorCode(None, 5, "The provider that signs you in cannot be reached.", "Check the network, try again."),
    "signed_out": ErrorCode(None, 5, "You are not signed in, or the sign-in has ended.", "`./tlfif login`"),
    "stack_failed": ErrorCode(None, 5, "AWS could not create a part of the home, and removed or restored everything.", "Read the sentence, mend it, `./tlfif deploy` again."),
    "stack_foreign": ErrorCode(None, 5, "A CloudFormation stack in the account has the home's name and is not TL-FIF's. It was left alone.", "Another `--name`."),
    "stack_half": ErrorCode(None, 5, "A removal or a first deployment stopped half-way, or the stack was deleted by hand, and what is left still holds data. Nothing was changed in it.", "`./tlfif destroy`, then deploy again."),
    "stack_slow": ErrorCode(None, 5, "AWS works on the home and is not done after an hour.", "Run the same command again later."),
    "stack_stays": ErrorCode(None, 5, "AWS could not delete the stack. What costs money was removed first.", "`./tlfif destroy` again."),
    "stream_malformed": ErrorCode(None, 5, "The server sent an event that this version does not understand.", "Stop the server; the next command starts the right one."),
    "usage": ErrorCode(None, 2, "The command was typed wrongly.", "Read its `--help`."),
}
"""Raised by the command line and the window, never sent by the server."""
# fmt: on
SECTIONS = {
    "request": REQUEST,
    "state": STATE,
    "access": ACCESS,
    "aws": AWS,
    "bill": BILL,
    "job": JOB,
    "here": HERE,
}
ERROR_CODES = {code: row for section in SECTIONS.values() for code, row in section.items()}
