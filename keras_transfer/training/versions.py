"""Versions of the packages that the bits of a result depend on."""

import importlib.metadata

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy")


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Returns the versions of those packages that are installed.

    Args:
        names: Tuple of strings, as `pip` knows them. Defaults to `PACKAGES`.

    Returns:
        Dict from name to version.
    """
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
