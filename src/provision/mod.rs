//! What an administrator sets up in AWS: the stack, and a user for every system.

pub mod alarms;
pub mod call;
pub mod changes;
pub mod dashboard;
pub mod device;
pub mod enrolment;
pub mod folder;
pub mod journal;
pub mod metric_names;
pub mod outputs;
pub mod pace;
pub mod passwords;
pub mod road;
pub mod stack;
pub mod systems;
pub mod template;
pub mod users;
pub mod wish;
pub mod worker;
