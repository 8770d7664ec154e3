"""What may be chosen to answer a prompt: the catalogue, and personal models on top of one of it."""

from dataclasses import dataclass

from tlfif.gui.model.state import SettingsPanel
from tlfif.wire.models import ModelView, PersonalModelView

AUTOMATIC = "Let TL-FIF choose"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """``model`` is what a machine runs for it, in the catalogue; ``personal`` what is put on top of that."""

    model: ModelView
    personal: PersonalModelView | None = None

    @property
    def name(self) -> str:
        """What a prompt asks for."""
        return self.model["name"] if self.personal is None else self.personal["name"]

    @property
    def title(self) -> str:
        """Its proper name, unlike all others: a personal model's has no capital letter and no space."""
        return self.model["title"] if self.personal is None else self.personal["name"]

    @property
    def line(self) -> str:
        """Its title with what must be known before it is chosen."""
        on = "" if self.personal is None else f"  ·  on {self.model['title']}"
        return f"{self.title}{on}" if self.model["state"] == "ready" else f"{self.title}{on}  ·  not downloaded"


def model_choices(panel: SettingsPanel) -> tuple[ModelChoice, ...]:
    """The catalogue's first. Without retired ones, and without those whose base is not in the catalogue here."""
    bases = {model["name"]: model for model in panel.models}
    able = [one for one in panel.personal if one["state"] != "retired" and one["base"] in bases]
    return (*map(ModelChoice, panel.models), *(ModelChoice(bases[one["base"]], one) for one in able))


def chosen_model(panel: SettingsPanel, name: str | None) -> ModelChoice | None:
    """The choice of that name."""
    return next((choice for choice in model_choices(panel) if choice.name == name), None)
