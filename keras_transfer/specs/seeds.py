import hashlib


def derive_seed(*parts: object) -> int:
    """Derives an independent 31-bit seed from a tuple of labels.

    Args:
        *parts: Anything with a stable `str`, for instance
            `derive_seed(0, "A3B", "conv4")`.

    Returns:
        Integer in `[0, 2**31)`, the same on every machine.
    """
    text = "/".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31
