"""Update bundles and root file systems."""
