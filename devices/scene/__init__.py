"""What a lens is given to look at: codes, and the screen that shows them."""
