"""What the operator does: orders, exits and positions by hand, along the path of every order."""
