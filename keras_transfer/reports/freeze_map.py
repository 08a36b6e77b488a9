"""The map of when to freeze."""


def write(title, rows, command, folder):
    raise NotImplementedError
