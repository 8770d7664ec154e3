"""A personal model as stores keep it: one text."""

import json
from dataclasses import asdict

from tlfif.models.personal_model import PersonalModel, PersonalState


def personal_model_text(model: PersonalModel) -> str:
    """The model as JSON with sorted keys."""
    return json.dumps(asdict(model), sort_keys=True)


def personal_model_from(text: str) -> PersonalModel:
    """The inverse of :func:`personal_model_text`."""
    body = json.loads(text)
    return PersonalModel(**{**body, "state": PersonalState(body["state"])})
