"""Files of a log folder: networks, results, events, locks."""
