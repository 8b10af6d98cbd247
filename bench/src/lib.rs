//! Benchmarks of the whole path.
