//! What an administrator sets up in AWS: the stack, and a user for every system.

pub mod call;
pub mod changes;
pub mod dashboard;
pub mod metric_names;
pub mod outputs;
pub mod stack;
pub mod template;
pub mod wish;
