"""Long work in the console: asked for on a page, told in the tray of the top bar, fetched from there."""
