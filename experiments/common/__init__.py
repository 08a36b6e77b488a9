"""What the scripts share: settings, progress, running a study."""
