TREATMENTS = ("BnB", "AnB", "BnB+", "AnB+")

# Marker, colour, filled, horizontal shift: told apart by shape and filling
# alone, so that figures are legible in grey.
STYLES = {
    "base": ("o", "#222222", False, 0.0),
    "BnB": ("o", "#1f5fa8", True, -0.21),
    "BnB+": ("s", "#6fa8dc", False, -0.07),
    "AnB": ("D", "#b03030", True, 0.07),
    "AnB+": ("^", "#e08a6a", False, 0.21),
}
MEANINGS = {
    "base": "base: trained on the target alone",
    "BnB": "BnB: frozen selffer",
    "BnB+": "BnB+: fine-tuned selffer",
    "AnB": "AnB: frozen transfer",
    "AnB+": "AnB+: fine-tuned transfer",
}
