"""From results to numbers: pairs, intervals, claims; no TensorFlow."""
