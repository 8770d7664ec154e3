"""Every error TL-FIF raises on purpose, as one tree.

* TlfifError
  * InvalidInputError            the caller must change the request (exit 2, HTTP 4xx)
    * PromptTooLongError
  * NotFoundError                the thing named does not exist (exit 2, HTTP 404)
  * ConflictError                the request is fine, the present state forbids it (HTTP 409)
    * IdempotencyConflictError
    * BudgetLockedError          the owner's monthly limit has no room (exit 4)
  * BusyError                    too much is waiting; send the request again later (HTTP 429)
  * NotAllowedError              the caller is not allowed (exit 5, HTTP 401/403)
  * UnavailableError             something needed cannot be reached (exit 5, HTTP 503)
    * StorageError               the store could not write or read; the message says what was accepted
  * MachineError                 the machine cannot start or broke (exit 4)
  * EngineError                  the engine refused or failed; the worker decides what happens
    * EngineRejectedError        this request is bad for this engine; never retried
    * EngineGoneError            the engine is not answering; the attempt may be repeated
    * EngineStuckError           this request hangs the engine; never retried, the engine starts anew
    * ModelUnusableError         the engine cannot work with this model; it is not started with it again
  * ModelError                   a model file is missing, corrupt or cannot be fetched (exit 4)
  * AnswerError                  the job ended without an answer (exit 3)
  * LeaseLostError               another worker has the lease now; drop the result

Each instance carries a stable ``code`` for programs, a sentence for people, and optional ``details``.
"""

from collections.abc import Mapping


class TlfifError(Exception):
    """Base of all expected errors; catch it where a message for a person is made."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.details: Mapping[str, object] = dict(details or {})


class InvalidInputError(TlfifError):
    """Change the request: unchanged it will never be accepted. Nothing was stored."""

    code = "invalid_input"


class PromptTooLongError(InvalidInputError):
    """Shorten the prompt or the conversation; ``details`` has ``tokens`` and ``limit``."""

    code = "prompt_too_long"


class NotFoundError(TlfifError):
    """Check the name or id: nothing has it."""

    code = "not_found"


class ConflictError(TlfifError):
    """The request is well formed but the present state forbids it."""

    code = "conflict"


class IdempotencyConflictError(ConflictError):
    """Use a new idempotency key: this one belongs to another request."""

    code = "idempotency_conflict"


class BudgetLockedError(ConflictError):
    """Raise the limit or release the lock; nothing was stored and nothing started. ``details`` has the figures."""

    code = "budget_locked"


class BusyError(TlfifError):
    """Wait and send the same request again; nothing was stored."""

    code = "queue_full"


class NotAllowedError(TlfifError):
    """Present the right token to the right address."""

    code = "not_allowed"


class UnavailableError(TlfifError):
    """Try again; something that is needed did not answer."""

    code = "unavailable"


class StorageError(UnavailableError):
    """Do what the message says, then repeat the request with its idempotency key; it may have been accepted."""

    code = "storage_failed"


class MachineError(TlfifError):
    """Read the reason; the machine did not start, or broke."""

    code = "machine_failed"


class EngineError(TlfifError):
    """Let the worker decide whether the attempt is repeated."""

    code = "engine_failed"


class EngineRejectedError(EngineError):
    """Fail the job: the engine will refuse this request every time."""

    code = "engine_rejected"


class EngineGoneError(EngineError):
    """Restart the engine and repeat the attempt."""

    code = "engine_gone"


class EngineStuckError(EngineError):
    """Fail the job, because it would hang again, and restart the engine."""

    code = "engine_stuck"


class ModelUnusableError(EngineError):
    """Fail the jobs that wait for this model, and start no engine with it for them; the message has the reason."""

    code = "model_unusable"


class ModelError(TlfifError):
    """Fetch or repair the model file as the message says."""

    code = "model_failed"


class ImageError(TlfifError):
    """Read the reason; the image was not built, or cannot be used. The promoted one stays as it is."""

    code = "image_failed"


class AnswerError(TlfifError):
    """Read the reason; the job was stored, and ended without an answer."""

    code = "job_failed"


class LeaseLostError(TlfifError):
    """Stop working on the job and drop the result: another worker has it."""

    code = "lease_lost"
