"""Simple mathematics as text: ``\\frac{a}{b} \\le x^2`` is ``a/b ≤ x²``. What has no sign of its own stays as it was
written.
"""

import re
import unicodedata

_UP = str.maketrans(
    "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW−",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂ⁻",
)
_DOWN = str.maketrans("0123456789+-=()aehijklmnoprstuvxβγρφχ−", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ₋")
_SIGNS = {
    **{"times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥"},
    **{"ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "propto": "∝", "infty": "∞", "partial": "∂"},
    **{"nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "oint": "∮", "to": "→", "rightarrow": "→", "mapsto": "↦"},
    **{"leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒", "Leftarrow": "⇐", "Leftrightarrow": "⇔"},
    **{"implies": "⇒", "iff": "⇔", "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆", "supset": "⊃"},
    **{"supseteq": "⊇", "cup": "∪", "cap": "∩", "setminus": "∖", "emptyset": "∅", "varnothing": "∅", "forall": "∀"},
    **{"exists": "∃", "nexists": "∄", "neg": "¬", "lnot": "¬", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨"},
    **{"oplus": "⊕", "otimes": "⊗", "circ": "∘", "bullet": "∙", "star": "⋆", "ast": "∗", "perp": "⊥", "parallel": "∥"},
    **{"angle": "∠", "degree": "°", "prime": "′", "ldots": "…", "cdots": "⋯", "dots": "…", "vdots": "⋮", "hbar": "ℏ"},
    **{"ell": "ℓ", "Re": "ℜ", "Im": "ℑ", "aleph": "ℵ", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋"},
    **{"lceil": "⌈", "rceil": "⌉", "mid": "∣", "ll": "≪", "gg": "≫", "therefore": "∴", "because": "∵", "qed": "∎"},
    **{"varepsilon": "ε", "varphi": "φ", "vartheta": "ϑ", "epsilon": "ϵ", "phi": "ϕ", "lambda": "λ", "Lambda": "Λ"},
    **{"quad": "  ", "qquad": "    ", "left": "", "right": "", "big": "", "Big": "", "displaystyle": "", "limits": ""},
    **{",": " ", ";": " ", ":": " ", "!": "", " ": " ", "{": "{", "}": "}", "%": "%", "$": "$", "&": "&", "_": "_"},
    **{"#": "#", "|": "‖"},
}
_ALPHABETS = {"mathbb": "DOUBLE-STRUCK", "mathcal": "SCRIPT", "mathfrak": "FRAKTUR"}
_PLAIN = frozenset({"text", "mathrm", "mathbf", "mathit", "mathsf", "operatorname", "textbf", "textit", "boxed"})
_ABOVE = {"hat": "\u0302", "bar": "\u0304", "overline": "\u0305", "vec": "\u20d7", "dot": "\u0307", "tilde": "\u0303"}
_PART = re.compile(r"\\(?:[A-Za-z]+|.)|.", re.DOTALL)
_SIMPLE = re.compile(r"[\w.′…∞°²³]+|\([^()]*\)")
DEEPEST = 20
"""Braces inside each other; deeper ones stay as they are."""


def as_text(formula: str) -> str:
    """A formula of TeX, as text."""
    parts = [match[0] for match in _PART.finditer(formula)]
    if parts.count("{") != parts.count("}"):
        return formula
    return _joined(parts, 0, DEEPEST)[0].strip()


def _joined(parts: list[str], at: int, depth: int) -> tuple[str, int]:
    """Text from ``at`` up to the brace that closes, and where that is."""
    found = ""
    while at < len(parts) and parts[at] != "}":
        piece, at = _one(parts, at, depth)
        found += piece
    return found, at


def _one(parts: list[str], at: int, depth: int) -> tuple[str, int]:
    """One sign, group or command with what belongs to it, and where the next begins."""
    if at >= len(parts):
        return "", at
    part = parts[at]
    if part == "{" and depth:
        inside, at = _joined(parts, at + 1, depth - 1)
        return inside, at + 1
    if part in "^_" and depth:
        inside, at = _argument(parts, at + 1, depth - 1)
        return _raised(inside, part), at
    if part.startswith("\\") and depth:
        return _command(part[1:], parts, at + 1, depth - 1)
    return part, at + 1


def _argument(parts: list[str], at: int, depth: int) -> tuple[str, int]:
    """What a command applies to: the next sign or group, whatever blanks are before it."""
    while at < len(parts) and parts[at].isspace():
        at += 1
    return _one(parts, at, depth)


def _command(name: str, parts: list[str], at: int, depth: int) -> tuple[str, int]:
    if name in {"frac", "dfrac", "tfrac"}:
        above, at = _argument(parts, at, depth)
        below, at = _argument(parts, at, depth)
        return f"{_bracketed(above)}/{_bracketed(below)}", at
    if name == "sqrt":
        inside, at = _argument(parts, at, depth)
        return f"√{_bracketed(inside)}", at
    if name in _PLAIN or name in _ALPHABETS or name in _ABOVE:
        inside, at = _argument(parts, at, depth)
        if name in _ALPHABETS:
            return "".join(_letter(_ALPHABETS[name], sign) for sign in inside), at
        return inside + _ABOVE.get(name, ""), at
    if name == "\\":
        return "\n", at
    return _sign(name), at


def _sign(name: str) -> str:
    if name in _SIGNS:
        return _SIGNS[name]
    size = "CAPITAL" if name[:1].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return name  # sin, log, lim and what this does not know


def _letter(alphabet: str, sign: str) -> str:
    for name in (f"{alphabet} CAPITAL {sign.upper()}", f"MATHEMATICAL {alphabet} CAPITAL {sign.upper()}"):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return sign


def _raised(inside: str, part: str) -> str:
    """``inside`` above or below the line; as it was written where a sign of it does not exist so small."""
    table = _UP if part == "^" else _DOWN
    small = inside.translate(table)
    if inside and all(ord(sign) in table for sign in inside):
        return small
    if inside in {"′", "∘", "°"}:
        return "°" if inside != "′" else inside
    return part + (f"({inside})" if len(inside) > 1 and not inside.startswith("(") else inside)


def _bracketed(text: str) -> str:
    text = text.strip()
    return text if _SIMPLE.fullmatch(text) else f"({text})"
