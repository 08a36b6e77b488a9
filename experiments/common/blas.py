"""How many threads products of small matrices have."""

from threadpoolctl import threadpool_limits


def one_blas_thread() -> threadpool_limits:
    """Keeps small products of scores and intervals from waiting for threads.

    On a busy machine of two cores the scores of a recommendation's stage took
    3.4 s of a core with two threads and 0.5 with one, and the report of
    10,000 networks 12.5 s and 9.2. Networks are TensorFlow's, whose threads
    are others.

    Returns:
        A context in which the limit holds.
    """
    import scipy.linalg  # noqa: F401  # loads a BLAS of its own

    return threadpool_limits(1, user_api="blas")
