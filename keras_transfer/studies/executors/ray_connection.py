"""Connects to a Ray cluster, or starts one here, without waiting for ever.

Ray is imported when it is asked for, and never by `--help`.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.studies.executors.quiet import only_python_output
from keras_transfer.studies.executors.resources import available_cores

INSTALL = "pip install -e '.[cluster]'"
_LEAVE_SECONDS = 5.0  # of silence, before it is said what is awaited
ANSWER_SECONDS = 20.0  # a cluster that takes longer is not there
_LONGEST_TEMPORARY = 30  # characters of a folder that Ray adds 70 to
_OBJECT_STORE_BYTES = 10**8  # Ray's smallest; nothing large goes through it
_REFUSED = "InvalidAuthToken"  # in what Ray says of a wrong or no token
_PROBE = "import ray, sys; ray.init(sys.argv[1], logging_level='error')"


def try_address(
    address: str, mode: str, seconds: float = ANSWER_SECONDS
) -> tuple[bool, str]:
    """Connects in a process of its own, since Ray may hang or exit.

    Args:
        address: String, see `connected`.
        mode: String, `"token"` or `"disabled"`, as in `RAY_AUTH_MODE`.
        seconds: Float, longest wait for an answer. Defaults to
            `ANSWER_SECONDS`.

    Returns:
        Tuple of whether that worked within the time and what Ray said.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _PROBE, address],
        env={**os.environ, "RAY_AUTH_MODE": mode},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    said = []
    with process:
        for line in process.stderr:
            said.append(line)
            if _REFUSED in line:  # it would try again
                process.kill()
    timer.cancel()
    return process.returncode == 0, "".join(said)


# From an address and a mode to whether it answers, and what was said.
Try = Callable[[str, str], tuple[bool, str]]


@contextlib.contextmanager
def connected(
    address: str,
    tell: Callable[[str], None] | None = None,
    attempt: Try = try_address,
) -> Iterator[None]:
    """Connects to a Ray cluster, or starts one on this machine.

    Args:
        address: String: `"local"` starts one on this machine alone, which
            listens on loopback, asks for a token that is drawn here, has no
            dashboard and ends with the context. Else `"HOST:PORT"` of a
            cluster that this machine is a node of, or `"auto"` to find it.
        tell: Callable or `None`, told what is awaited if leaving the cluster
            takes long: with nodes lost, Ray needs minutes.
        attempt: Callable, finds out whether a cluster answers. Defaults to
            `try_address`.

    Raises:
        UserError: If Ray is not installed or the cluster does not answer.
    """
    before = signal.getsignal(signal.SIGTERM)
    ray = None
    try:
        if address == "local":
            ray = _start_local()
        else:
            ray = _join(address, attempt)
        # Ray's own handler would end us without a word of what is kept.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
        # A raylet that loses a node dumps its state to our terminal.
        with only_python_output():
            try:
                yield
            finally:
                _leave(ray, tell)
                ray = None
    finally:
        if ray is not None:
            ray.shutdown()


def _leave(ray, tell: Callable[[str], None] | None) -> None:
    text = "Everything is written; waiting for Ray to leave the cluster."
    timer = threading.Timer(_LEAVE_SECONDS, tell or (lambda text: None), [text])
    timer.daemon = True
    timer.start()
    try:
        ray.shutdown()
    finally:
        timer.cancel()


def _start_local():
    # Read by Ray when it is first imported. Without the switch, a node
    # listens on all networks of the machine.
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Its sockets have long names, and a socket's name a limit.
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TEMPORARY:
        os.environ.setdefault("RAY_TMPDIR", "/tmp")
    ray = _import_ray()
    ray.init(
        "local",
        num_cpus=available_cores(),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
    )
    hosts = {node["NodeManagerAddress"] for node in ray.nodes()}
    if not hosts <= {"127.0.0.1", "::1"}:
        ray.shutdown()
        raise UserError(
            "Expected Ray to listen on loopback only. Received: "
            f"{sorted(hosts)}. Start in a process that has not imported Ray."
        )
    return ray


def _join(address: str, attempt: Try):
    if "://" in address or address != "auto" and ":" not in address:
        raise UserError(
            "Expected `cluster` to be local, auto or HOST:PORT of a cluster "
            f"that this machine is a node of. Received: {address!r}."
        )
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    has_token = (
        os.environ.get("RAY_AUTH_TOKEN")
        or os.environ.get("RAY_AUTH_TOKEN_PATH")
        or (Path.home() / ".ray" / "auth_token").is_file()
    )
    if os.environ["RAY_AUTH_MODE"] == "token" and not has_token:
        raise UserError(
            "Expected the cluster's token in ~/.ray/auth_token or "
            "RAY_AUTH_TOKEN: `ray get-auth-token --generate` makes one; start "
            "every node with it and RAY_AUTH_MODE=token. In a closed network, "
            "RAY_AUTH_MODE=disabled does without."
        )
    ray = _import_ray()
    _check_answer(address, attempt)
    ray.init(address, log_to_driver=False, logging_level="error")
    return ray


def _import_ray():
    # Else Ray keeps what it would say twice, and says it as it leaves, in the
    # main thread, where `only_python_output` takes it for ours.
    os.environ["RAY_DEDUP_LOGS"] = "0"
    try:
        import ray
    except ImportError as error:
        raise UserError(
            f"`cluster` needs Ray, which is not installed: {INSTALL}"
        ) from error
    return ray


def _check_answer(address: str, attempt: Try) -> None:
    """Fails in seconds where Ray would try for minutes and then exit."""
    try:
        if address != "auto":
            host, _, port = address.rpartition(":")
            place = host.strip("[]"), int(port)
            socket.create_connection(place, timeout=5).close()
        answered, said = attempt(address, os.environ["RAY_AUTH_MODE"])
    except (OSError, ValueError, OverflowError) as error:
        answered, said = False, str(error)
    if _REFUSED in said:
        raise UserError(
            f"The Ray cluster {address} refused the token. Expected the one "
            "that it was started with, in ~/.ray/auth_token or RAY_AUTH_TOKEN."
        )
    if not answered:
        lines = [line for line in said.splitlines() if line.strip()]
        reason = lines[-1] if lines else "no answer"
        raise UserError(
            f"No Ray cluster answers at {address}: {reason}. Check that it "
            "runs (`ray status`), that this machine is one of its nodes, and "
            "that both have the same versions of Ray and Python."
        )
    if (
        os.environ["RAY_AUTH_MODE"] == "token"
        and attempt(address, "disabled")[0]
    ):
        raise UserError(
            f"The Ray cluster {address} asks for no token, so whoever reaches "
            "its ports can run programs on it. Start every node with "
            "RAY_AUTH_MODE=token, or set RAY_AUTH_MODE=disabled here to use "
            "it as it is."
        )
