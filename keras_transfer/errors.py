"""The two ways in which a study can go wrong."""


class UserError(ValueError):
    """A mistake in what was asked for: what was expected, received, the cure.

    Scripts print its text in one or two lines and end with status 2.
    """


class NetworkFailed(RuntimeError):
    """One network could not be trained; the study goes on without it.

    Args:
        message: String, what happened.
        record: Dict of JSON values kept in the network's failure record, for
            instance the epoch and the norm of every layer's weights.
    """

    def __init__(self, message: str, record: dict | None = None):
        super().__init__(message)
        self.record = dict(record or {})
