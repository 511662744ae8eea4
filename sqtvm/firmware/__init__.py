"""From an archive and a board to a firmware project, its ELF, and the board that runs it."""
