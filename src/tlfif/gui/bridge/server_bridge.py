"""The bridge to the real servers of one folder: this computer's, or the home on AWS where that profile is active."""

from tlfif.client.endpoint import Locator
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.bridge import Bridge
from tlfif.gui.bridge.homes import Homes
from tlfif.kernel.data_folder import DataFolder


def bridge_of(data_folder: DataFolder) -> Bridge:
    """One that is connecting already to the server of the active profile."""
    bridge = Bridge(
        homes=Homes(data_folder),
        history_path=data_folder.history,
        preferences_path=data_folder.root / "window.json",
    )
    bridge.start()
    return bridge


def bridge_over(data_folder: DataFolder, *, connect: Locator, watch: Locator) -> Bridge:
    """The same to one server: ``connect`` may start it, ``watch`` only finds it. History and settings: ``home``'s."""
    bridge = Bridge(
        connect=lambda sleep: TlfifClient(connect, sleep=sleep),
        watch=lambda sleep: TlfifClient(watch, sleep=sleep),
        history_path=data_folder.history,
        preferences_path=data_folder.root / "window.json",
    )
    bridge.start()
    return bridge
