"""The ways in which a study can go wrong."""

import errno
import re


class UserError(ValueError):
    """A mistake in what was asked for: what was expected, received, the cure.

    Scripts print its text in one or two lines and end with status 2.

    Example:
        >>> network = kt.build_network(kt.ModelSpec("cnn8", width=8), 28, 10)
        >>> try:
        ...     kt.prefix(network, 99)
        ... except kt.UserError as error:
        ...     print(error)
        Expected...
    """


class NetworkFailed(RuntimeError):
    """One network could not be trained; the study goes on without it.

    Args:
        message: String, what happened.
        record: Dict of JSON values kept in the network's failure record, for
            instance the epoch and the norm of every layer's weights.

    Example:
        >>> failure = kt.NetworkFailed("the loss is not finite", {"epoch": 3})
        >>> print(failure, failure.record)
        the loss is not finite {'epoch': 3}
    """

    def __init__(self, message: str, record: dict | None = None):
        super().__init__(message)
        self.record = dict(record or {})


_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "files may not grow that large here",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "writing is not permitted",
    errno.EPERM: "writing is not permitted",
    errno.EIO: "the disk reports an error",
}


def disk_fault(error: BaseException, place: str) -> str | None:
    """Says what is wrong with a disk, if that is what an error tells.

    Every network would fail of it, so a study stops and says so once.

    Args:
        error: Exception.
        place: String, the folder that was written to.

    Returns:
        String, what was wrong, what is kept and the cure; or `None`.
    """
    reason = _DISK.get(getattr(error, "errno", None))
    # TensorFlow's writers and HDF5 keep the system's words only.
    if reason is None and "No space left on device" in str(error):
        reason = _DISK[errno.ENOSPC]
    if reason is None:
        return None
    where = getattr(error, "filename", None) or place
    return (
        f"Cannot write {where}: {reason}. Finished networks and the last "
        "epoch of the others are kept; the same command goes on once this is "
        "cured."
    )


def first_line(error: BaseException) -> str:
    """Returns the first line that gives a reason, or an error's kind.

    Keras says first which layer it was in, in bold type the reason follows.

    Args:
        error: Exception.

    Returns:
        String.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if lines[0].startswith("Exception encountered when calling") and lines[1:]:
        lines = lines[1:]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])
