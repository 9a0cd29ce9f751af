import Glibc

/// Ends the program.
func leave(code: Int32) -> Never { exit(code) }
