"""The server's sentences without what is meant for a terminal."""


def plain(sentence: str) -> str:
    """The sentence without commands in brackets: in the window these are buttons."""
    text = sentence
    while (start := text.find(" (./tlfif")) >= 0:
        end = text.find(")", start)
        if end < 0:
            break
        text = text[:start] + text[end + 1 :]
    return text
