"""Where networks are trained: processes here, or a cluster."""
