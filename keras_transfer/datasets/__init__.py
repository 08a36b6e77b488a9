"""From a data set or a folder of images to batches of a half."""
