"""This computer's answer to a prompt that waits for a machine on AWS."""

from dataclasses import replace

from tlfif.control.bridging import BridgeBegun, BridgeExtended, BridgeUpdate
from tlfif.gui.model.state import BridgeAnswer, Exchange
from tlfif.gui.presenters.problems import plain
from tlfif.wording.bridge import gave_way_words


def bridged(one: Exchange, update: BridgeUpdate, line: str) -> Exchange:
    """The exchange with more of it. Words of AWS's own are never touched."""
    bridge = one.bridge or BridgeAnswer(line="")
    if one.stage.is_over or (one.answer and not bridge.stands):
        return one
    known = replace(bridge, line=plain(line))
    match update:
        case BridgeBegun():
            answer = one.answer.start_over() if one.answer else one.answer
            return replace(one, answer=answer, bridge=replace(known, stands=False))
        case BridgeExtended(text=text):
            return replace(one, answer=one.answer.add(text), bridge=replace(known, stands=True))
        case _:
            return replace(one, bridge=known)


def without_bridge(one: Exchange) -> Exchange:
    """The exchange when AWS's first word comes: what this computer said gives way to it, and is named below."""
    if one.bridge is None or not one.bridge.stands:
        return one
    bridge = BridgeAnswer(line=gave_way_words(one.bridge.line))
    return replace(one, answer=one.answer.start_over(), bridge=bridge)
