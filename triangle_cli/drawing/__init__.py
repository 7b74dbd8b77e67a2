"""How pictures look: one style file, names as in print, lines and bands with what they are, sizes and formats."""
