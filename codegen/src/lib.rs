//! The core of code generation.
