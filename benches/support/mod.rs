//! What the benchmark needs beside its own story: lines, processes, the agent as one of them.

pub mod agent;
pub mod lines;
pub mod process;
