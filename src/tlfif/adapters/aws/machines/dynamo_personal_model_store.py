"""The registry of personal models in DynamoDB: ``MODELS`` | ``<name>`` (``pk`` | ``sk``), one item a model.

A write that was made and whose answer was lost is made again by the table; so each is recognised by what it wrote.
"""

from tlfif.adapters.aws.calls.dynamo_table import ABSENT, ConditionFailedError, DynamoTable, Key, Put
from tlfif.models.personal_model import PersonalModel, name_taken
from tlfif.models.personal_model_record import personal_model_from, personal_model_text
from tlfif.models.personal_model_store import PersonalModelStore

_MODELS = "MODELS"


class DynamoPersonalModelStore(PersonalModelStore):
    """The registry of the home on AWS."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    async def add(self, model: PersonalModel) -> None:
        if not await self._put(model, Put(item=_item(model), condition=ABSENT)):
            raise name_taken(model.name)

    async def get(self, name: str) -> PersonalModel | None:
        found = await self._table.get(_key(name))
        return None if found is None else personal_model_from(found["body"])

    async def all(self) -> list[PersonalModel]:
        found = await self._table.query("pk = :models", {":models": _MODELS})
        return [personal_model_from(item["body"]) for item in found]

    async def replace(self, before: PersonalModel, after: PersonalModel) -> bool:
        was = {":before": personal_model_text(before)}
        return await self._put(
            after, Put(item=_item(after), condition="#body = :before", names={"#body": "body"}, values=was)
        )

    async def close(self) -> None:
        """See the port. The creator of the client closes it."""

    async def _put(self, model: PersonalModel, put: Put) -> bool:
        try:
            await self._table.write(put)
        except ConditionFailedError:
            return await self.get(model.name) == model
        return True


def _key(name: str) -> Key:
    return (_MODELS, name)


def _item(model: PersonalModel) -> dict[str, str]:
    return {"pk": _MODELS, "sk": model.name, "body": personal_model_text(model)}
