"""What the application needs from the world: one abstract class a file, its docstring the contract."""
