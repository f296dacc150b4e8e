"""The maker's side: authorities, releases, papers, units. No camera reads it at run time."""
