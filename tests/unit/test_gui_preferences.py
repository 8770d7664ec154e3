"""The window's settings, as they are kept in a file."""

from pathlib import Path

import pytest

from tlfif.gui.model.preferences import Chosen, Persona, Preferences, load_preferences, save_preferences


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", "null"])
def test_settings_that_cannot_be_read_are_the_usual_ones(tmp_path: Path, text: str) -> None:
    (tmp_path / "window.json").write_text(text)
    found, fault = load_preferences(tmp_path / "window.json")
    assert found == Preferences()
    assert fault


@pytest.mark.requirement("1.5.5")
def test_each_setting_holds_after_closing_and_opening_again(tmp_path: Path) -> None:
    changed = Preferences(
        appearance="dark",
        font_size=20,
        model="smollm2",
        system="Be kind.",
        temperature=0.3,
        max_tokens=77,
        seed=5,
        geometry="900x600+0+0",
        sidebar=300,
        enter_sends=False,
        notify=False,
        begun=True,
        personas=(Persona(name="Poet", system="Rhyme.", temperature=1.0, max_tokens=50),),
        persona="Poet",
        chosen=(Chosen(conversation_id="c1", model="smollm2", persona="Poet"),),
    )
    usual = Preferences()
    assert not [name for name in Preferences.__slots__ if getattr(changed, name) == getattr(usual, name)]
    save_preferences(tmp_path / "window.json", changed)
    assert load_preferences(tmp_path / "window.json") == (changed, "")


@pytest.mark.requirement("1.5.5")
def test_one_bad_setting_does_not_cost_the_others(tmp_path: Path) -> None:
    save_preferences(tmp_path / "window.json", Preferences(font_size=20, system="Be kind.", temperature=0.7))
    text = (tmp_path / "window.json").read_text("utf-8")
    (tmp_path / "window.json").write_text(text.replace("20", "9999").replace("0.7", '"hot"'), encoding="utf-8")
    found, fault = load_preferences(tmp_path / "window.json")
    assert found == Preferences(system="Be kind.")
    assert not fault
