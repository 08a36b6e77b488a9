"""Training one network, exactly resumable."""
