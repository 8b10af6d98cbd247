//! The ioht command: what each role does from a shell, and a demonstration of the whole path.
